/* SPDX-License-Identifier: MIT */
#include "closing.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "../detect/family.h"
#include "../detect/owner.h"
#include "../detect/uring.h"
#include "../fix/deferred.h"
#include "../fix/listener.h"
#include "../log/sink.h"
#include "closes.h"
#include "decide.h"
#include "export.h"
#include "holding.h"
#include "mending.h"
#include "watch.h"

#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>

static void about_arming(struct event *e, const struct fdrec *rec)
{
	if (e->pattern == PATTERN_LINGER_ZERO) {
		e->armed_op = OP_SETSOCKOPT;
		e->armed_site = rec->armed_site;
	} else if (e->pattern == PATTERN_LINGER2_NEGATIVE) {
		e->armed_op = OP_SETSOCKOPT;
		e->armed_site = rec->linger2_site;
	} else if (e->pattern == PATTERN_SHUTDOWN_READ) {
		e->armed_op = OP_SHUTDOWN;
		e->armed_site = rec->shut_site;
	}
}

/*
 * It would be mended, but that another thread may stand in a call on it, which holds the file. It is
 * held as well, for output that the peer has had no chance to get: what is all sent needs luck only,
 * and its FIN would come a round trip later. At an end the thread may still write.
 */
static bool held_in_use(const struct event *e, const struct facts *f)
{
	return f->queued && e->op != OP_EXIT && e->op != OP_EXEC;
}

/*
 * What may become late-data is nothing yet: touched only with proof, else held where output is under
 * way, and where the rules let it be mended. Whatever comes of it is told by the reaper. MPTCP closes
 * without it: what is sent to a socket of its that was closed is dropped, not answered with RST.
 */
static bool late_risk(struct event *e, int fd, const struct facts *f, const struct fdrec *rec)
{
	if (!start_fix || !verdict_late_risk(f, start_late) || !rec->cookie ||
		((rec->flags & REC_MPTCP) && facts_speaks_mptcp(fd)))
		return false;
	if (owner_sole(fd, rec, f->cookie)) {
		e->in_use = mending_thread_may_be(fd);
		if (!e->in_use || !held_in_use(e, f))
			return !e->in_use;
	}
	return !(rec->flags & REC_LET_GO) && holding_may(rec) &&
		holding_saves(PATTERN_LATE_DATA, fd, f, rec);
}

/*
 * Both sides are shut: so is what may become shutdown-read, as long as the kernel does not know it, or
 * with a filter, which somebody has to take off.
 */
static enum pattern risk(struct event *e, int fd, const struct facts *f, const struct fdrec *rec)
{
	if ((rec->flags & REC_SHUT_BOTH) != REC_SHUT_BOTH)
		return late_risk(e, fd, f, rec) ? PATTERN_LATE_DATA : PATTERN_NONE;
	if (verdict_peer_may_send(f) && rec->cookie &&
		((fdhint_get(fd) & HINT_DEFERRED) || deferred_is_trimmed(fd, f->cookie)) &&
		owner_sole(fd, rec, f->cookie))
		return PATTERN_SHUTDOWN_READ;
	return PATTERN_NONE;
}

/* Both sides are shut for the kernel as well, and nothing has come so far. */
static void note_shut(struct event *e, int fd, const struct facts *f, const struct fdrec *rec)
{
	if ((rec->flags & REC_SHUT_BOTH) != REC_SHUT_BOTH || !verdict_peer_may_send(f) ||
		!owner_sole(fd, rec, f->cookie))
		return;
	e->pattern = PATTERN_SHUTDOWN_READ;
	e->facts = *f;
	event_risk(e);
}

/* Somebody else has, or may have, set its options: on itself, or on its listener. */
HOT static bool was_shared(const struct fdrec *rec)
{
	return (rec->flags & REC_ARMED_ELSEWHERE) || owner_was_shared(rec);
}

static bool ask(int fd, int unread, const struct fdrec *rec, struct facts *f)
{
	if (!facts_ask(fd, unread, f))
		return false;
	if (was_shared(rec))
		facts_ask_linger(fd, f);
	return true;
}

bool closing_verdict(struct event *e, struct facts *f, int fd, const struct fdrec *rec, int unread)
{
	if (!ask(fd, unread, rec, f))
		return false;
	e->pattern = verdict_close(f, rec);
	if (e->pattern != PATTERN_NONE)
		return true;
	e->pattern = risk(e, fd, f, rec);
	e->tentative = true;
	if (e->pattern != PATTERN_NONE)
		return true;
	note_shut(e, fd, f, rec);
	return false;
}

/* What nobody else ever had was armed by them on its listener, before it was there. */
static enum intent intent_of(const struct facts *f, const struct fdrec *rec)
{
	enum intent intent = verdict_intent(f, rec);

	if (intent == INTENT_UNKNOWN && (rec->flags & REC_ARMED_ELSEWHERE) &&
		!owner_was_shared(rec))
		return INTENT_CONFIG;
	return intent;
}

bool closing_decide(
	struct event *e, const struct facts *f, int fd, const struct fdrec *rec, const void *caller)
{
	e->intent = intent_of(f, rec);
	if (!decide(e, fd, f, rec, caller) ||
		(e->tentative && !decide_mends(e) && !mending_to_tell(e)))
		return false;
	about_arming(e, rec);
	e->outcome = e->why ? OUTCOME_FAILED : OUTCOME_RESET;
	return true;
}

/*
 * Not known to be the last: the kernel tells after the close whether it was (tell_watched()). What was
 * unread may have been read by another holder since it was asked, and he may have gone.
 */
static void watch(struct closing *c, int fd, const struct fdrec *rec)
{
	struct facts f;

	c->watch = owner_watch(fd);
	c->shared = (rec->flags & REC_MADE) && (rec->flags & REC_SHARED);
	if (c->watch < 0)
		sink_lose();
	else if (ask(fd, 0, rec, &f) && verdict_close(&f, rec) == PATTERN_NONE) {
		sys1(SYS_close, c->watch);
		c->watch = -1;
		c->judged = false;
		start_busy_leave();
	}
}

/* Nor where a thread may stand in it. What is only a risk yet is not watched: it is held, or left alone. */
static void without_proof(struct closing *c, int fd, const struct fdrec *rec)
{
	struct event *e = &c->event;

	if (decide_mends(e) && holding_may(rec) && !family_counts(c->holders) &&
		holding_saves(e->pattern, fd, &e->facts, rec) && holding_begin(fd, rec, e))
		return;
	if (mending_to_tell(e))
		watch(c, fd, rec);
}

/* What decides is whether it is unread when the last one lets go: a call in progress may take it. */
static bool leaves_unread(const struct event *e)
{
	return !e->tentative &&
		(e->pattern == PATTERN_UNREAD_CLOSE || e->pattern == PATTERN_SHUTDOWN_READ);
}

bool closing_still_due(int fd, const struct event *e)
{
	bool due = (fdhint_get(fd) & HINT_DEFERRED) && deferred_take(fd, e->facts.cookie);

	return due || !e->tentative || e->pattern != PATTERN_SHUTDOWN_READ ||
		deferred_is_trimmed(fd, e->facts.cookie);
}

static void judge(
	struct closing *c, int fd, const struct fdrec *rec, int unread, const void *caller)
{
	struct event *e = &c->event;
	struct facts f;
	bool found = closing_verdict(e, &f, fd, rec, unread);

	if (self.opt.closes && (!found || e->tentative))
		closes_tell(PATTERN_NONE, e->op, fd, &f, rec, caller);
	if (self.opt.watch && !found)
		watch_close(c, fd, &f, rec, caller);
	if (!found)
		return;
	/* The close would not happen: nothing must have been done by then. */
	if (c->cancellable && !c->holders)
		pthread_testcancel();
	c->judged = start_busy_enter();
	if (!c->judged)
		return;
	if (!closing_decide(e, &f, fd, rec, caller)) {
		if (self.opt.closes && !e->tentative)
			closes_tell(e->pattern, e->op, fd, &f, rec, caller);
		return;
	}
	if (e->in_use || !owner_sole(fd, rec, f.cookie) || (decide_mends(e) && !rec->cookie) ||
		uring_seen()) {
		without_proof(c, fd, rec);
		return;
	}
	if (leaves_unread(e) && mending_reader_may_be(fd, &f)) {
		watch(c, fd, rec);
		return;
	}
	if (decide_mends(e)) {
		if (!closing_still_due(fd, e) && !mending_to_tell(e))
			return;
		if (!e->tentative && f.state != TCP_CLOSE)
			mending_tell_time_wait(fd, e);
		if (e->pattern == PATTERN_LISTENER_CLOSE)
			listener_empty(fd, e);
		else if (!mending_close(fd, rec, e, &c->signals))
			return;
	}
	event_tell(e);
	decide_stop(e);
}

HOT bool closing_harmless(int fd, const struct fdrec *rec, int *unread)
{
	if ((rec->flags & (REC_SHUT_RD | REC_MPTCP)) ||
		!facts_harmless(fd, was_shared(rec), unread) || start_every)
		return false;
	if (!start_fix || !rec->cookie)
		return true;
	*unread = FACTS_NONE_UNREAD;
	return facts_at_rest(fd, start_late);
}

/*
 * Taken off the count before the close: of two that close at a time, one knows that it is the last. A
 * child that was not counted finds that out first.
 */
static __attribute__((noinline, cold)) void let_go(struct closing *c, int fd)
{
	if (c->cancellable)
		pthread_testcancel();
	if (!start_ready())
		return;
	c->holders = family_close_begin(fdhint_record(fd), &c->last);
}

HOT void closing_begin(struct closing *c, int fd, enum op op, const void *caller, bool cancellable)
{
	unsigned hint = fdhint_get(fd);
	struct fdrec rec;
	int unread = 0;

	closing_none(c);
	c->cancellable = cancellable;
	if (!(hint & HINT_STREAM) || !start_may_note())
		return;
	if (unlikely(fdhint_record(fd)->holders))
		let_go(c, fd);
	if (closing_harmless(fd, fdhint_record(fd), &unread)) {
		fdhint_forget(fd);
		return;
	}
	if (!start_ready())
		return;
	rec = *fdhint_record(fd);
	if (rec.giving) /* whoever it is sent to may have it */
		rec.flags |= REC_SHARED;
	if (c->holders)
		rec.flags |= REC_LET_GO | (c->last ? REC_LAST : 0);
	memset(&c->event, 0, sizeof(c->event));
	c->signals.held = false;
	c->event.op = op;
	judge(c, fd, &rec, unread, caller);
	if (hint & HINT_DEFERRED) /* what does not linger is closed as the program has shut it */
		deferred_settle(fd);
	deferred_untrim(fd); /* for good, after a close: nobody else takes it off */
	fdhint_forget(fd);
}

/*
 * A descriptor that was not proven to be the last. Where somebody else holds it still, nothing was
 * reset: no event in audit, nor for the parent of a forked child in fix. That a duplicate of the
 * program's own keeps a fix from being made is told.
 */
static void tell_watched(struct closing *c)
{
	enum owner_answer answer = owner_still_held(c->watch, c->event.fd);
	bool fix = decide_mends(&c->event);

	if (answer == OWNER_UNKNOWN) {
		sink_lose();
		return;
	}
	if (answer == OWNER_HELD) {
		if (!fix || !c->shared || family_counts(c->holders))
			return;
		c->event.outcome = OUTCOME_SHARED;
	} else if (family_other_was_last(c->holders)) {
		return; /* and has told it */
	} else if (fix) {
		c->event.outcome = OUTCOME_FAILED;
		c->event.why = CLOSING_UNPROVEN;
	}
	event_tell(&c->event);
	decide_stop(&c->event);
}

void closing_unproven(int fd, struct event *e)
{
	enum owner_answer answer = OWNER_UNKNOWN;
	int watch = owner_watch(fd);
	uint64_t holders = 0;
	bool last = false;

	if (watch >= 0) {
		holders = family_close_begin(fdhint_record(fd), &last);
		fdhint_forget(fd);
		sys1(SYS_close, fd);
		if (holders)
			family_close_end(holders, true);
		answer = owner_still_held(watch, fd);
	}
	if (answer == OWNER_UNKNOWN)
		sink_lose();
	if (answer != OWNER_GONE || (!last && family_other_was_last(holders)))
		return;
	if (decide_mends(e)) {
		e->outcome = OUTCOME_FAILED;
		e->why = CLOSING_UNPROVEN;
	}
	event_tell(e);
	decide_stop(e);
}

void closing_failed(struct closing *c)
{
	if (c->holders)
		family_close_end(c->holders, false);
	c->holders = 0;
}

static __attribute__((noinline, cold)) void closed(struct closing *c)
{
	if (c->holders)
		family_close_end(c->holders, true);
	if (!c->judged)
		return;
	if (c->watch >= 0)
		tell_watched(c);
	start_busy_leave();
	signals_release(&c->signals);
}

HOT void closing_end(struct closing *c)
{
	if (unlikely(c->judged || c->holders))
		closed(c);
}

void closing_whole(int fd, enum op op, const void *caller)
{
	struct closing c;

	closing_begin(&c, fd, op, caller, false);
	sys1(SYS_close, fd);
	closing_end(&c);
}
