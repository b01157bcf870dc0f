/* SPDX-License-Identifier: MIT */
#include "closing.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "../detect/family.h"
#include "../detect/owner.h"
#include "../fix/deferred.h"
#include "../fix/linger.h"
#include "../fix/listener.h"
#include "../fix/trim.h"
#include "../log/sink.h"
#include "decide.h"
#include "epoll.h"
#include "export.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

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

void closing_tell_time_wait(int fd, const struct event *e)
{
	static uint32_t told;

	if ((e->role != ROLE_SERVER && e->pattern != PATTERN_LISTENER_CLOSE) ||
		__atomic_load_n(&told, __ATOMIC_RELAXED) ||
		__atomic_exchange_n(&told, 1, __ATOMIC_RELAXED) || facts_reuseaddr(fd))
		return;
	event_notice("time-wait",
		"mended connections leave TIME_WAIT, and this server binds its port without "
		"SO_REUSEADDR: a restart within 60 s may fail with EADDRINUSE");
}

/* SIGIO would go on coming for a descriptor that the program has closed. */
static void end_async(int fd)
{
	long flags;

	if (!dup_async_seen())
		return;
	flags = sys2(SYS_fcntl, fd, F_GETFL);
	if (flags >= 0 && (flags & O_ASYNC))
		sys3(SYS_fcntl, fd, F_SETFL, flags & ~O_ASYNC);
}

static bool read_to_fin(int fd, struct event *e, const struct drain_bounds *b)
{
	long n = -EAGAIN;

	while (e->drained < b->bytes && (n = drain_discard(fd, b->bytes - e->drained)) > 0)
		e->drained += (uint64_t)n;
	if (e->drained >= b->bytes || n != 0)
		return false;
	e->outcome = OUTCOME_AVERTED;
	e->mended = true;
	return true;
}

bool closing_at_peer_fin(int fd, struct event *e, const struct drain_bounds *b)
{
	return e->facts.peer_fin && read_to_fin(fd, e, b);
}

/* What was half-closed before may have got the peer's FIN by now: that is the end as well. */
bool closing_half_close(int fd, struct event *e, const struct drain_bounds *b)
{
	if (drain_half_close(fd))
		return true;
	if (read_to_fin(fd, e, b))
		return false;
	e->outcome = OUTCOME_FAILED;
	e->why = e->pattern == PATTERN_SHUTDOWN_READ ? "it was reset before this close"
						     : "not connected any more";
	return false;
}

/*
 * The call holds the file, so that this close alone changes nothing; a half-close would end its write
 * with SIGPIPE, and a drain take its input. Nobody blocks in a non-blocking socket, nor in a write
 * where there is room.
 */
bool closing_thread_may_be(int fd, short ready)
{
	struct pollfd p = {.fd = fd, .events = ready};
	struct timespec now = {0, 0};
	long flags = sys2(SYS_fcntl, fd, F_GETFL);

	if (flags < 0 || (flags & O_NONBLOCK))
		return false;
	if (ready && sys5(SYS_ppoll, &p, 1, &now, 0, 0) == 1)
		return false;
	return start_threads() != 1;
}

/*
 * Hands the socket to the reaper, which tells how it ends. Only if no epoll can go on reporting
 * what the program has closed. SO_LINGER {1, n} is what the program asked of this close itself.
 */
static bool hand_over(int fd, const struct fdrec *rec, struct event *e,
	const struct drain_bounds *b, bool writing)
{
	struct parcel p;

	if (!epoll_detach(fd, rec))
		return false;
	end_async(fd);
	e->outcome = OUTCOME_LINGERING;
	if (!e->tentative)
		event_tell(e);
	p = (struct parcel){.event = *e, .bounds = *b, .half_close = writing};
	return linger_adopt(fd, &p);
}

/* What was queued before is thrown away here. */
bool closing_trimmed(int fd, struct event *e)
{
	uint32_t start = start_now_ms();
	long n;

	if (!trim_attach(fd))
		return false;
	drain_expect_any(fd);
	while ((n = drain_discard(fd, UINT64_MAX)) > 0)
		e->drained += (uint64_t)n;
	e->outcome = n == 0 && drain_peer_fin(fd) ? OUTCOME_AVERTED : OUTCOME_DELIVERED;
	if (e->outcome == OUTCOME_DELIVERED && facts_unsent(fd) > 0)
		e->why = TRIM_LEFT;
	e->duration_ms = start_now_ms() - start;
	e->mended = true;
	return true;
}

/* What it comes to is known: a mere risk is counted only. */
static bool to_tell(const struct event *e)
{
	if (e->tentative)
		event_risk(e);
	return !e->tentative;
}

bool closing_disarmed(int fd, struct event *e)
{
	if (e->facts.linger_on && e->facts.linger_sec == 0 && !drain_disarm(fd)) {
		e->outcome = OUTCOME_FAILED;
		e->why = "SO_LINGER could not be cleared";
		return false;
	}
	if (e->facts.linger2_negative && !drain_disarm_linger2(fd)) {
		e->outcome = OUTCOME_FAILED;
		e->why = "TCP_LINGER2 could not be cleared";
		return false;
	}
	/* It holds the file, and gets what still comes: this close is one without TCP_LINGER2 now. */
	if (e->pattern == PATTERN_LINGER2_NEGATIVE && closing_thread_may_be(fd, 0)) {
		e->outcome = e->facts.unsent ? OUTCOME_AVERTED : OUTCOME_DELIVERED;
		return false;
	}
	return true;
}

/* True: the event is still to be told. */
static bool mend(int fd, const struct fdrec *rec, struct event *e)
{
	struct linger_limits limits = rules_limits(e->rule, &self.opt.linger);
	struct drain_bounds bounds = drain_bounds(&limits, rec);
	struct drain_result r;

	if (!closing_disarmed(fd, e))
		return true;
	if (e->facts.unsent > 0 && closing_thread_may_be(fd, POLLOUT)) {
		if (hand_over(fd, rec, e, &bounds, true))
			return false;
		e->outcome = OUTCOME_FAILED;
		e->why = "another thread may be writing to it";
		return true;
	}
	if (!closing_half_close(fd, e, &bounds))
		return to_tell(e);
	if (closing_at_peer_fin(fd, e, &bounds))
		return true;
	if (e->facts.linger_on && e->facts.linger_sec > 0) {
		if (e->facts.unread == 0) /* else the close would have reset at once */
			drain_wait_acknowledged(fd, e->facts.linger_sec);
		drain_disarm(fd);
	}
	if (hand_over(fd, rec, e, &bounds, false))
		return false;
	if (closing_trimmed(fd, e) ||
		e->tentative) /* a mere risk is not worth a wait inside of close() */
		return to_tell(e);
	drain_linger(fd, &bounds, &r);
	e->outcome = r.outcome;
	e->why = r.why;
	e->drained += r.drained;
	e->duration_ms = r.duration_ms;
	e->mended = true;
	return true;
}

/*
 * What may become late-data is nothing yet: touched only with proof, and where the rules let it be
 * mended. Whatever comes of it is told by the reaper. MPTCP closes without it: what is sent to a
 * socket of its that was closed is dropped, not answered with RST.
 */
static bool late_risk(int fd, const struct facts *f, const struct fdrec *rec)
{
	return start_fix && verdict_late_risk(f, start_late) && rec->cookie &&
		owner_sole(fd, rec, f->cookie) &&
		!((rec->flags & REC_MPTCP) && facts_speaks_mptcp(fd)) &&
		!closing_thread_may_be(fd, 0);
}

/* Both sides are shut: so is what may become shutdown-read, as long as the kernel does not know it. */
static enum pattern risk(int fd, const struct facts *f, const struct fdrec *rec)
{
	if ((rec->flags & REC_SHUT_BOTH) != REC_SHUT_BOTH)
		return late_risk(fd, f, rec) ? PATTERN_LATE_DATA : PATTERN_NONE;
	if ((fdhint_get(fd) & HINT_DEFERRED) && verdict_peer_may_send(f) && rec->cookie &&
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

bool closing_verdict(struct event *e, struct facts *f, int fd, const struct fdrec *rec, int unread)
{
	if (!facts_ask(fd, unread, f))
		return false;
	e->pattern = verdict_close(f, rec);
	if (e->pattern != PATTERN_NONE)
		return true;
	e->pattern = risk(fd, f, rec);
	e->tentative = true;
	if (e->pattern != PATTERN_NONE)
		return true;
	note_shut(e, fd, f, rec);
	return false;
}

bool closing_decide(
	struct event *e, const struct facts *f, int fd, const struct fdrec *rec, const void *caller)
{
	e->intent = verdict_intent(f, rec);
	if (!decide(e, fd, f, rec, caller) || (e->tentative && !decide_mends(e) && !to_tell(e)))
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
	else if (facts_ask(fd, 0, &f) && verdict_close(&f, rec) == PATTERN_NONE) {
		sys1(SYS_close, c->watch);
		c->watch = -1;
		c->judged = false;
		start_busy_leave();
	}
}

bool closing_still_due(int fd, const struct event *e)
{
	bool due = (fdhint_get(fd) & HINT_DEFERRED) && deferred_take(fd, e->facts.cookie);

	return due || !e->tentative || e->pattern != PATTERN_SHUTDOWN_READ;
}

static void judge(
	struct closing *c, int fd, const struct fdrec *rec, int unread, const void *caller)
{
	struct event *e = &c->event;
	struct facts f;

	if (!closing_verdict(e, &f, fd, rec, unread))
		return;
	/* The close would not happen: nothing must have been done by then. */
	if (c->cancellable && !c->holders)
		pthread_testcancel();
	c->judged = start_busy_enter();
	if (!c->judged || !closing_decide(e, &f, fd, rec, caller))
		return;
	if (!owner_sole(fd, rec, f.cookie) || (decide_mends(e) && !rec->cookie)) {
		watch(c, fd, rec);
		return;
	}
	if (decide_mends(e)) {
		if (!closing_still_due(fd, e) && !to_tell(e))
			return;
		if (!e->tentative && f.state != TCP_CLOSE)
			closing_tell_time_wait(fd, e);
		if (e->pattern == PATTERN_LISTENER_CLOSE)
			listener_empty(fd, e);
		else if (!mend(fd, rec, e))
			return;
	}
	event_tell(e);
	decide_stop(e);
}

HOT bool closing_harmless(int fd, unsigned hint, const struct fdrec *rec, int *unread)
{
	if ((rec->flags & (REC_SHUT_RD | REC_MPTCP)) ||
		!facts_harmless(fd, hint & HINT_EOF, unread))
		return false;
	if (!start_fix || (hint & HINT_EOF) || !rec->cookie)
		return true;
	*unread = FACTS_NONE_UNREAD;
	return !start_late && facts_at_rest(fd);
}

/* Taken off the count before the close: of two that close at a time, one knows that it is the last. */
static __attribute__((noinline, cold)) void let_go(struct closing *c, int fd)
{
	if (c->cancellable)
		pthread_testcancel();
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
	if (closing_harmless(fd, hint, fdhint_record(fd), &unread)) {
		fdhint_forget(fd);
		return;
	}
	if (!start_ready())
		return;
	rec = *fdhint_record(fd);
	if (c->holders)
		rec.flags |= REC_LET_GO | (c->last ? REC_LAST : 0);
	memset(&c->event, 0, sizeof(c->event));
	c->event.op = op;
	judge(c, fd, &rec, unread, caller);
	if (hint & HINT_DEFERRED) /* what does not linger is closed as the program has shut it */
		deferred_settle(fd);
	fdhint_forget(fd);
}

/*
 * A descriptor that was not proven to be the last. Where somebody else holds it still, nothing was
 * reset: no event in audit, nor for the parent of a forked child in fix. That a duplicate of the
 * program's own keeps a fix from being made is told.
 */
static void tell_watched(struct closing *c)
{
	bool fix = decide_mends(&c->event);

	if (owner_still_held(c->watch)) {
		if (!fix || !c->shared || family_counts(c->holders))
			return;
		c->event.outcome = OUTCOME_SHARED;
	} else if (family_other_was_last(c->holders)) {
		return; /* and has told it */
	} else if (fix) {
		c->event.outcome = OUTCOME_FAILED;
		c->event.why = "no proof that this was the last reference";
	}
	event_tell(&c->event);
	decide_stop(&c->event);
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
