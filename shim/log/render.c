/* SPDX-License-Identifier: MIT */
#include "render.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

/* RFC 5952: the first longest run of two or more zero groups is left out. */
static void render_ipv6(struct text *t, const uint8_t *a)
{
	unsigned i, n, best = 8, best_len = 1;

	for (i = 0; i < 8; i += n + 1) {
		for (n = 0; i + n < 8 && !a[2 * (i + n)] && !a[2 * (i + n) + 1]; n++)
			;
		if (n > best_len)
			best = i, best_len = n;
	}
	text_char(t, '[');
	for (i = 0; i < 8; i++) {
		if (i == best) {
			text_str(t, "::");
			i += best_len - 1;
			continue;
		}
		if (i > 0 && i != best + best_len)
			text_char(t, ':');
		text_hex(t, (uint64_t)a[2 * i] << 8 | a[2 * i + 1], 1);
	}
	text_char(t, ']');
}

void render_endpoint(struct text *t, const struct endpoint *e)
{
	unsigned i;

	if (e->family == AF_INET6) {
		render_ipv6(t, e->addr);
	} else {
		for (i = 0; i < 4; i++) {
			if (i)
				text_char(t, '.');
			text_u64(t, e->addr[i]);
		}
	}
	text_char(t, ':');
	text_u64(t, e->port);
}

/* "name": as the start of a member that is not the first. */
static void name(struct text *t, const char *key)
{
	text_str(t, ",\"");
	text_str(t, key);
	text_str(t, "\":");
}

static void string_or_null(struct text *t, const char *value)
{
	if (!value || !*value) {
		text_str(t, "null");
		return;
	}
	text_char(t, '"');
	text_json(t, value);
	text_char(t, '"');
}

static void member_str(struct text *t, const char *key, const char *value)
{
	name(t, key);
	string_or_null(t, value);
}

static void member_u64(struct text *t, const char *key, uint64_t value)
{
	name(t, key);
	text_u64(t, value);
}

static void member_known(struct text *t, const char *key, uint64_t value)
{
	name(t, key);
	if (value)
		text_u64(t, value);
	else
		text_str(t, "null");
}

static void member_id(struct text *t, const char *key, uint64_t id)
{
	name(t, key);
	if (!id) {
		text_str(t, "null");
		return;
	}
	text_char(t, '"');
	text_hex(t, id, 16);
	text_char(t, '"');
}

static void member_endpoint(struct text *t, const char *key, const struct endpoint *e)
{
	name(t, key);
	if (!e->family) {
		text_str(t, "null");
		return;
	}
	text_char(t, '"');
	render_endpoint(t, e);
	text_char(t, '"');
}

static void head_json(struct text *t, const struct origin *o, const char *event)
{
	text_str(t, "{\"v\":1,\"time\":\"");
	text_time(t, o->time_us);
	text_char(t, '"');
	member_str(t, "event", event);
}

static void frame_json(struct text *t, const struct frame *f)
{
	text_str(t, "{\"module\":");
	string_or_null(t, callsite_module(f));
	member_str(t, "build_id", callsite_build_id(f));
	name(t, "offset");
	text_str(t, "\"0x");
	text_hex(t, f->offset, 1);
	text_char(t, '"');
	member_str(t, "symbol", callsite_symbol(f));
	text_char(t, '}');
}

/* Room for the end of the line: a frame that would reach into it is left out. */
#define END_ROOM 512

static void frames_json(struct text *t, const struct callsite *s, size_t keep)
{
	unsigned i;

	name(t, "frames");
	text_char(t, '[');
	for (i = 0; i < s->frame_count; i++) {
		size_t before = t->len;

		if (i)
			text_char(t, ',');
		frame_json(t, &s->frames[i]);
		if (t->cut || t->cap - t->len < keep) {
			t->len = before;
			t->cut = false;
			break;
		}
	}
	text_char(t, ']');
}

static void language_json(struct text *t, const struct callsite *s)
{
	unsigned i;

	if (s->python.count == 0)
		return;
	name(t, "language_frames");
	text_char(t, '[');
	for (i = 0; i < s->python.count; i++) {
		const struct language_frame *f = &s->language[i];

		text_str(t, i ? ",{\"file\":" : "{\"file\":");
		string_or_null(t, callsite_file(f));
		member_known(t, "line", f->line);
		member_str(t, "function", callsite_function(f));
		text_char(t, '}');
	}
	text_char(t, ']');
}

static void armed_json(struct text *t, const struct event *e, const struct telling *w)
{
	name(t, "armed_by");
	text_str(t, "{\"op\":\"");
	text_str(t, op_names[e->armed_op]);
	text_char(t, '"');
	member_id(t, "stack_id", w->armed->id);
	if (w->frames) {
		language_json(t, w->armed);
		frames_json(t, w->armed, 8);
	}
	text_char(t, '}');
}

static void linger_json(struct text *t, const struct facts *f)
{
	name(t, "linger");
	if (!f->linger_on) {
		text_str(t, "null");
		return;
	}
	text_str(t, "{\"on\":1,\"sec\":");
	text_i64(t, f->linger_sec);
	text_char(t, '}');
}

const char *render_role(enum role role)
{
	return role == ROLE_SERVER ? "server" : role == ROLE_CLIENT ? "client" : NULL;
}

static void socket_json(struct text *t, const struct event *e)
{
	member_u64(t, "fd", (uint64_t)e->fd);
	member_str(t, "role", render_role(e->role));
	member_endpoint(t, "local", &e->local);
	member_endpoint(t, "peer", &e->peer);
	member_str(t, "state", verdict_state_name(e->facts.state));
	member_u64(t, "unread", e->facts.unread);
	member_u64(t, "unsent", e->facts.unsent);
	if (e->pattern == PATTERN_LISTENER_CLOSE)
		member_u64(t, "waiting", e->facts.waiting);
	linger_json(t, &e->facts);
	if (e->pattern == PATTERN_LINGER_ZERO)
		member_str(t, "intent", verdict_intent_name(e->intent));
	member_str(t, "harm",
		e->direction ? NULL : verdict_harm_name(verdict_harm(e->pattern, &e->facts)));
	if (e->direction)
		member_str(t, "direction", e->direction);
	if (e->mended && e->pattern == PATTERN_LISTENER_CLOSE)
		member_u64(t, "taken", e->taken);
	if (e->mended) {
		member_u64(t, "drained", e->drained);
		member_u64(t, "duration_ms", e->duration_ms);
	}
	name(t, "age_ms");
	if (e->age_ms >= 0)
		text_i64(t, e->age_ms);
	else
		text_str(t, "null");
}

/* As rules_name() tells it, without a copy on the stack. */
static void rule_json(struct text *t, const struct rule *rule)
{
	name(t, "rule");
	if (!rule) {
		text_str(t, "null");
		return;
	}
	text_char(t, '"');
	text_json(t, rule->source);
	text_char(t, ':');
	text_u64(t, rule->line);
	text_char(t, ':');
	text_u64(t, rule->column);
	text_str(t, ": ");
	text_json(t, rule->text);
	text_char(t, '"');
}

void render_event_json(
	struct text *t, const struct origin *o, const struct event *e, const struct telling *w)
{
	head_json(t, o, "rst");
	member_str(t, "pattern", pattern_names[e->pattern]);
	member_str(t, "op", op_names[e->op]);
	member_str(t, "action", action_names[e->action]);
	member_str(t, "outcome", outcome_names[e->outcome]);
	if (e->why)
		member_str(t, "why", e->why);
	member_str(t, "program", o->program);
	member_u64(t, "pid", (uint64_t)o->pid);
	member_u64(t, "tid", (uint64_t)o->tid);
	socket_json(t, e);
	member_id(t, "stack_id", w->site ? w->site->id : 0);
	member_u64(t, "count", w->count);
	member_str(t, "host", o->host);
	member_str(t, "boot_id", o->boot_id);
	member_known(t, "netns", e->netns);
	member_known(t, "sock", e->facts.cookie);
	member_u64(t, "start", (uint64_t)o->start_s);
	member_u64(t, "seq", o->seq);
	rule_json(t, e->rule);
	if (w->frames) {
		language_json(t, w->site);
		frames_json(t, w->site, w->armed ? t->cap / 2 : END_ROOM);
	}
	if (w->armed)
		armed_json(t, e, w);
	text_str(t, "}\n");
}

void render_close_json(
	struct text *t, const struct origin *o, const struct event *e, const struct telling *w)
{
	head_json(t, o, "close");
	member_str(t, "pattern", e->pattern == PATTERN_NONE ? NULL : pattern_names[e->pattern]);
	member_str(t, "op", op_names[e->op]);
	member_str(t, "program", o->program);
	member_u64(t, "pid", (uint64_t)o->pid);
	member_u64(t, "tid", (uint64_t)o->tid);
	socket_json(t, e);
	member_id(t, "stack_id", w->site ? w->site->id : 0);
	member_str(t, "host", o->host);
	member_str(t, "boot_id", o->boot_id);
	member_known(t, "netns", e->netns);
	member_known(t, "sock", e->facts.cookie);
	member_u64(t, "start", (uint64_t)o->start_s);
	if (w->frames) {
		language_json(t, w->site);
		frames_json(t, w->site, END_ROOM);
	}
	text_str(t, "}\n");
}

void render_notice_json(struct text *t, const struct origin *o, const char *code, const char *msg)
{
	head_json(t, o, "notice");
	member_str(t, "program", o->program);
	member_u64(t, "pid", (uint64_t)o->pid);
	member_str(t, "host", o->host);
	member_u64(t, "start", (uint64_t)o->start_s);
	member_str(t, "code", code);
	member_str(t, "text", msg);
	text_str(t, "}\n");
}

void render_summary_json_head(
	struct text *t, const struct origin *o, uint64_t events, uint64_t lost)
{
	head_json(t, o, "summary");
	member_str(t, "program", o->program);
	member_u64(t, "pid", (uint64_t)o->pid);
	member_str(t, "host", o->host);
	member_str(t, "boot_id", o->boot_id);
	member_u64(t, "start", (uint64_t)o->start_s);
	member_u64(t, "events", events);
	member_u64(t, "lost", lost);
	text_str(t, ",\"callsites\":[");
}

void render_summary_json_site(struct text *t, const struct callsite *s, bool first)
{
	unsigned i;
	bool any = false;

	text_str(t, first ? "{\"pattern\":\"" : ",{\"pattern\":\"");
	text_str(t, pattern_names[s->pattern]);
	text_char(t, '"');
	member_str(t, "op", op_names[s->op]);
	member_id(t, "stack_id", s->id);
	member_u64(t, "count", s->count);
	member_u64(t, "unread", s->unread);
	member_u64(t, "unsent", s->unsent);
	member_u64(t, "drained", s->drained);
	member_u64(t, "destroyed", s->lost);
	member_u64(t, "saved", s->saved);
	member_u64(t, "lingered_ms", s->lingered_ms);
	text_str(t, ",\"outcomes\":{");
	for (i = 0; i < OUTCOME_COUNT; i++) {
		if (!callsite_outcomes(s, i))
			continue;
		text_str(t, any ? ",\"" : "\"");
		text_str(t, outcome_names[i]);
		text_str(t, "\":");
		text_u64(t, callsite_outcomes(s, i));
		any = true;
	}
	text_str(t, "}}");
}

void render_summary_json_end(struct text *t, const struct risk risks[PATTERN_COUNT])
{
	bool any = false;
	unsigned i;

	text_char(t, ']');
	for (i = 0; risks && i < PATTERN_COUNT; i++) {
		if (!risks[i].count)
			continue;
		text_str(t, any ? ",\"" : ",\"risks\":{\"");
		text_str(t, pattern_names[i]);
		text_str(t, "\":{\"count\":");
		text_u64(t, risks[i].count);
		member_u64(t, "unacknowledged", risks[i].unacknowledged);
		text_char(t, '}');
		any = true;
	}
	text_str(t, any ? "}}\n" : "}\n");
}
