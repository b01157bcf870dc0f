/* SPDX-License-Identifier: MIT */
#include "closing.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "../detect/owner.h"
#include "../fix/drain.h"
#include "../log/sink.h"

#include <pthread.h>
#include <string.h>

static void about_arming(struct event *e, const struct fdrec *rec)
{
	if (e->pattern == PATTERN_LINGER_ZERO) {
		e->armed_op = OP_SETSOCKOPT;
		e->armed_site = rec->armed_site;
	} else if (e->pattern == PATTERN_SHUTDOWN_READ) {
		e->armed_op = OP_SHUTDOWN;
		e->armed_site = rec->shut_site;
	}
}

/*
 * A mended close leaves TIME_WAIT where the reset left nothing: without SO_REUSEADDR the port
 * cannot be bound again for a minute (law 3).
 */
static void tell_time_wait(const struct event *e, bool reuseaddr)
{
	static uint32_t told;

	if (e->role != ROLE_SERVER || reuseaddr || __atomic_exchange_n(&told, 1, __ATOMIC_RELAXED))
		return;
	event_notice("time-wait",
		"mended connections leave TIME_WAIT, and this server binds its port without "
		"SO_REUSEADDR: a restart within 60 s may fail with EADDRINUSE");
}

static void mend(int fd, const struct fdrec *rec, struct event *e)
{
	struct drain_bounds bounds = drain_bounds(&self.opt.linger, rec);
	struct drain_result r;

	if (e->facts.linger_on && e->facts.linger_sec == 0 && !drain_disarm(fd)) {
		e->outcome = OUTCOME_FAILED;
		e->why = "SO_LINGER could not be cleared";
		return;
	}
	drain_linger(fd, &bounds, &r);
	e->outcome = r.outcome;
	e->why = r.why;
	e->drained = r.drained;
	e->duration_ms = r.duration_ms;
	e->mended = true;
}

/* What the mode asks for, where it saves something. */
static enum action decide(const struct event *e, const struct fdrec *rec)
{
	enum action a = rules_default(self.opt.mode, e->pattern, e->intent);

	if (e->pattern == PATTERN_LINGER_ZERO && !verdict_linger_mendable(&e->facts, rec))
		return ACTION_LOG;
	return a;
}

static void judge(struct closing *c, int fd, const struct fdrec *rec, const void *caller)
{
	struct event *e = &c->event;
	struct facts f;

	if (!facts_ask(fd, &f))
		return;
	e->pattern = verdict_close(&f, rec);
	if (e->pattern == PATTERN_NONE)
		return;
	if (c->cancellable) /* the close would not happen: nothing must have been done by then */
		pthread_testcancel();
	c->judged = start_busy_enter();
	if (!c->judged)
		return;
	e->intent = verdict_intent(&f, rec);
	event_about(e, fd, &f, rec, caller);
	about_arming(e, rec);
	e->action = decide(e, rec);
	e->outcome = OUTCOME_RESET;
	if (!owner_sole(fd, rec, f.cookie) || (e->action == ACTION_FIX && !rec->cookie)) {
		c->watch = owner_watch(fd);
		c->shared = (rec->flags & REC_MADE) && (rec->flags & REC_SHARED);
		if (c->watch < 0)
			sink_lose();
		return;
	}
	if (e->action == ACTION_FIX) {
		bool reuseaddr = facts_reuseaddr(fd);

		mend(fd, rec, e);
		if (e->outcome == OUTCOME_AVERTED)
			tell_time_wait(e, reuseaddr);
	}
	event_tell(e);
}

HOT void closing_begin(struct closing *c, int fd, enum op op, const void *caller, bool cancellable)
{
	unsigned hint = fdhint_get(fd);
	struct fdrec rec;

	c->watch = -1;
	c->judged = false;
	c->cancellable = cancellable;
	if (!(hint & HINT_STREAM) || !start_may_note())
		return;
	if (!(fdhint_record(fd)->flags & (REC_SHUT_RD | REC_MPTCP)) &&
		facts_harmless(fd, hint & HINT_EOF)) {
		fdhint_forget(fd);
		return;
	}
	if (!start_ready())
		return;
	rec = *fdhint_record(fd);
	memset(&c->event, 0, sizeof(c->event));
	c->event.op = op;
	judge(c, fd, &rec, caller);
	fdhint_forget(fd);
}

/*
 * A descriptor that was not proven to be the last. Where somebody else holds it still, nothing was
 * reset: no event in audit, nor for the parent of a forked child in fix. That a duplicate of the
 * program's own keeps a fix from being made is told.
 */
static void tell_watched(struct closing *c)
{
	bool fix;

	fix = c->event.action == ACTION_FIX;
	if (owner_still_held(c->watch)) {
		if (!fix || !c->shared)
			return;
		c->event.outcome = OUTCOME_SHARED;
	} else if (fix) {
		c->event.outcome = OUTCOME_FAILED;
		c->event.why = "no proof that this was the last reference";
	}
	event_tell(&c->event);
}

HOT void closing_end(struct closing *c)
{
	if (!c->judged)
		return;
	if (c->watch >= 0)
		tell_watched(c);
	start_busy_leave();
}

void closing_whole(int fd, enum op op, const void *caller)
{
	struct closing c;

	closing_begin(&c, fd, op, caller, false);
	sys1(SYS_close, fd);
	closing_end(&c);
}
