/* SPDX-License-Identifier: MIT */
#include "event.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "line.h"
#include "sink.h"
#include "stats.h"

#include <errno.h>
#include <string.h>

static uint64_t seq;
static struct risk risks[PATTERN_COUNT];

bool event_start(void)
{
	return line_start() && callsite_start();
}

void event_forked(void)
{
	line_forked();
	memset(risks, 0, sizeof(risks));
	seq = 0;
	callsite_forked();
	stats_forked();
}

bool event_any(void)
{
	return __atomic_load_n(&seq, __ATOMIC_RELAXED) > 0 || sink_lost() > 0;
}

void event_notice(const char *code, const char *msg)
{
	unsigned index;
	struct text t = line_take(&index);
	struct origin o;
	size_t body;

	if (!t.at)
		return;
	o = line_origin(0, 0);
	body = line_begin(&t, &o,
		&(struct framed){.event = "notice", .code = code, .severity = SEVERITY_NOTICE});
	if (line_json())
		render_notice_json(&t, &o, code, msg);
	else
		render_notice_text(&t, &o, code, msg);
	line_put(&t, body);
	line_release(index);
}

/* libunwind and the loader are libc's guests: they set errno. */
static unsigned find_site(enum pattern pattern, enum op op, const void *caller)
{
	int saved = errno;
	void *stack[UNWIND_MAX];
	unsigned n = unwind_stack(stack, self.opt.backtrace, caller);
	struct python_stack python;
	unsigned number;

	python_stack(&python, self.opt.backtrace);
	number = callsite_find(pattern, op, stack, n, &python);
	errno = saved;
	return number;
}

void event_locate(struct event *e, const void *caller)
{
	e->site = find_site(e->pattern, e->op, caller);
}

void event_addresses(struct event *e, int fd, const struct fdrec *rec)
{
	facts_local(fd, &e->local);
	facts_peer(fd, &e->peer);
	if (!e->peer.family && rec)
		e->peer = rec->peer;
}

static uint32_t rate_of(const struct event *e)
{
	return e->rule && (e->rule->options & OPTION_RATE) ? e->rule->rate : self.opt.rate;
}

/* Within the rate, so it will be told: what only that needs. */
static void admit(struct event *e, int fd, const struct fdrec *rec)
{
	struct callsite *s = callsite_at(e->site);

	/* What stops the program is told before. */
	e->admitted = !s || callsite_admit(s, start_now_ms(), rate_of(e)) ||
		(!e->dry && (e->action == ACTION_TRAP || e->action == ACTION_ABORT));
	if (!e->admitted)
		return;
	e->tid = (int)sys0(SYS_gettid);
	e->netns = facts_netns_cookie(fd);
	if (!e->local.family)
		event_addresses(e, fd, rec);
}

void event_about(struct event *e, int fd, const struct facts *f, const struct fdrec *rec)
{
	e->fd = fd;
	e->facts = *f;
	e->role = (enum role)rec->role;
	e->age_ms = rec->made_ms ? (int64_t)(start_now_ms() - rec->made_ms) : -1;
	if (e->tentative)
		e->tid = (int)sys0(SYS_gettid);
	else
		admit(e, fd, rec);
}

void event_confirm(struct event *e, int fd)
{
	int tid = e->tid; /* of the thread that closed, not of this one */

	e->tentative = false;
	admit(e, fd, NULL);
	e->tid = tid;
}

unsigned event_callsite(enum op op, const void *caller)
{
	return find_site(PATTERN_NONE, op, caller);
}

/* The file of RSTFIX_STATS is made at the first event: a process without any leaves none. */
static void open_stats(void)
{
	struct origin o = line_origin(0, 0);
	const char *why = stats_open(&o);
	char line[128];
	struct text t = text_on(line, sizeof(line));

	if (!why)
		return;
	text_str(&t, "RSTFIX_STATS: nothing is counted there: ");
	text_str(&t, why);
	text_end(&t);
	event_notice("stats", line);
}

static void add(uint64_t *counter, uint64_t n)
{
	if (n)
		__atomic_add_fetch(counter, n, __ATOMIC_SEQ_CST);
}

void event_risk(const struct event *e)
{
	struct risk *r = &risks[e->pattern];

	__atomic_add_fetch(&r->count, 1, __ATOMIC_RELAXED);
	if (verdict_unacknowledged(&e->facts))
		__atomic_add_fetch(&r->unacknowledged, 1, __ATOMIC_RELAXED);
}

static void count(struct callsite *s, const struct event *e)
{
	if (e->outcome == OUTCOME_LINGERING) /* counted once, when it ends */
		return;
	add(&s->count, 1);
	add(&s->unread, e->facts.unread);
	add(&s->unsent, e->facts.unsent);
	add(&s->drained, e->drained);
	add(&s->lingered_ms, e->duration_ms);
	if (e->outcome == OUTCOME_AVERTED || e->outcome == OUTCOME_DELIVERED)
		add(&s->saved, verdict_output_lost(e->pattern, &e->facts));
	else if (e->outcome != OUTCOME_SHARED) /* nothing was reset */
		add(&s->lost, verdict_output_lost(e->pattern, &e->facts));
	add(&s->outcomes[e->action][e->outcome], 1);
	if (stats_due())
		open_stats();
	stats_count(s, e->action, e->outcome);
}

/* Returns where its message begins. */
static size_t render(struct text *t, const struct event *e, struct callsite *s, uint64_t number)
{
	struct origin o = line_origin(number, e->tid);
	size_t body;
	struct telling w = {.site = s, .count = 1, .armed = callsite_at(e->armed_site)};

	if (s) {
		w.count += __atomic_exchange_n(&s->untold, 0, __ATOMIC_RELAXED);
		w.frames = s->frame_count > 0 &&
			callsite_frames_due(s, start_now_ms(), sink_generation());
	}
	body = line_begin(t, &o,
		&(struct framed){.event = "rst",
			.about = e,
			.told = &w,
			.severity = framing_severity(e->outcome)});
	if (line_json())
		render_event_json(t, &o, e, &w);
	else
		render_event_text(t, &o, e, &w);
	return body;
}

void event_tell(const struct event *e)
{
	struct callsite *s = callsite_at(e->site);
	uint64_t number = __atomic_add_fetch(&seq, 1, __ATOMIC_RELAXED);
	struct text t;
	unsigned index;

	if (s)
		count(s, e);
	if (!e->admitted) {
		if (e->outcome != OUTCOME_LINGERING)
			__atomic_add_fetch(&s->untold, 1, __ATOMIC_RELAXED);
		return;
	}
	t = line_take(&index);
	if (!t.at)
		return;
	line_write(&t, render(&t, e, s, number));
	line_release(index);
}

void event_close(const struct event *e)
{
	struct callsite *s = callsite_at(e->site);
	struct origin o = line_origin(0, 0);
	struct telling w = {.site = s, .count = 1};
	struct text t;
	size_t body;
	unsigned index;

	t = line_take(&index);
	if (!t.at)
		return;
	w.frames = s && s->frame_count > 0 &&
		callsite_frames_due(s, start_now_ms(), sink_generation());
	body = line_begin(&t, &o,
		&(struct framed){
			.event = "close", .about = e, .told = &w, .severity = SEVERITY_INFO});
	if (line_json())
		render_close_json(&t, &o, e, &w);
	else
		render_close_text(&t, &o, e, &w);
	line_write(&t, body);
	line_release(index);
}

static bool worth_telling(const struct callsite *s)
{
	return s && s->pattern != PATTERN_NONE && s->count > 0;
}

static size_t summary_begin(struct text *t, const struct origin *o)
{
	t->len = 0;
	return line_begin(t, o, &(struct framed){.event = "summary", .severity = SEVERITY_INFO});
}

/* Returns where the message of the last line begins. */
static size_t summary_json(struct text *t, const struct origin *o)
{
	size_t body = summary_begin(t, o);
	bool first = true;
	unsigned i;

	render_summary_json_head(t, o, seq, sink_lost());
	for (i = 0; i < callsite_count(); i++) {
		struct callsite *s = callsite_nth(i);

		if (!worth_telling(s))
			continue;
		if (t->cap - t->len < 1024) { /* go on in another line */
			render_summary_json_end(t, NULL);
			line_write(t, body);
			body = summary_begin(t, o);
			render_summary_json_head(t, o, seq, sink_lost());
			first = true;
		}
		render_summary_json_site(t, s, first);
		first = false;
	}
	render_summary_json_end(t, risks);
	return body;
}

static size_t summary_text(struct text *t, const struct origin *o)
{
	size_t body = summary_begin(t, o);
	unsigned i;

	render_summary_text_head(t, o, seq, sink_lost());
	for (i = 0; i < callsite_count(); i++) {
		struct callsite *s = callsite_nth(i);

		if (!worth_telling(s))
			continue;
		if (t->cap - t->len < 1024) {
			line_write(t, body);
			body = summary_begin(t, o);
		}
		render_summary_text_site(t, s);
	}
	render_summary_text_risks(t, risks);
	return body;
}

void event_summary(void)
{
	struct origin o;
	struct text t;
	unsigned index;

	if (!event_any())
		return;
	t = line_take(&index);
	if (!t.at)
		return;
	o = line_origin(0, 0);
	line_write(&t, line_json() ? summary_json(&t, &o) : summary_text(&t, &o));
	line_release(index);
}
