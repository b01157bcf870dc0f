/* SPDX-License-Identifier: MIT */
#include "ending.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "../detect/family.h"
#include "../detect/owner.h"
#include "../detect/uring.h"
#include "../fix/deferred.h"
#include "../fix/exit.h"
#include "../fix/linger.h"
#include "../fix/listener.h"
#include "../log/sink.h"
#include "closes.h"
#include "closing.h"
#include "decide.h"
#include "export.h"
#include "holding.h"
#include "mending.h"
#include "streams.h"
#include "watch.h"

#include <fcntl.h>
#include <stdlib.h>

struct ending {
	enum op op;
	enum rule_status status;
	const void *caller;
	bool stdio;			   /* libc is going to flush its streams */
	uint32_t until_ms;		   /* start_now_ms() */
	bool (*succeeds)(const void *arg); /* of exec; NULL: it does */
	const void *arg;
	bool asked, fails;
};

static bool goes_through(struct ending *end)
{
	if (end->succeeds && !end->asked) {
		end->asked = true;
		end->fails = !end->succeeds(end->arg);
	}
	return !end->fails;
}

/* Listeners whose filter goes again where the exec fails. */
#define HELD 16

static struct {
	uint64_t cookie;
	int fd;
} held[HELD];
static uint32_t held_count;

static void note_held(int fd, uint64_t cookie)
{
	if (held_count == HELD) {
		listener_release(fd);
		return;
	}
	held[held_count].fd = fd;
	held[held_count].cookie = cookie;
	__atomic_add_fetch(&held_count, 1, __ATOMIC_SEQ_CST);
}

void ending_exec_failed(void)
{
	uint32_t n = __atomic_exchange_n(&held_count, 0, __ATOMIC_SEQ_CST);

	while (n--) {
		if (facts_cookie(held[n].fd) == held[n].cookie)
			listener_release(held[n].fd);
	}
}

static void mend_listener(const struct ending *end, int fd, struct event *e)
{
	if ((int32_t)(start_now_ms() - end->until_ms) < 0) {
		if (listener_empty(fd, e) && end->op == OP_EXEC)
			note_held(fd, e->facts.cookie);
		return;
	}
	e->outcome = OUTCOME_FAILED;
	e->why = "RSTFIX_EXIT was over";
}

/*
 * No half-close: threads, handlers of the program's and stdio may write until the end itself, which
 * sends the FIN. True: the event is to be told now.
 */
static bool mend(const struct ending *end, int fd, const struct fdrec *rec, struct event *e)
{
	struct linger_limits limits = rules_limits(e->rule, &self.opt.linger);
	struct drain_bounds bounds = drain_bounds(&limits, rec);
	bool uploads;

	if (e->pattern == PATTERN_LISTENER_CLOSE) {
		mend_listener(end, fd, e);
		return true;
	}
	if (!mending_disarmed(fd, e))
		return true;
	/* A peer in the middle of an upload may not read before all of it is acknowledged. */
	uploads = e->facts.bulk && e->facts.unsent > 0;
	if (mending_at_peer_fin(fd, e, &bounds) || (!uploads && mending_trimmed(fd, e)))
		return !e->tentative;
	if (exit_add(fd, e, &bounds))
		return false;
	drain_discard(fd, bounds.bytes); /* too many to wait for */
	e->outcome = OUTCOME_EXPIRED;
	return !e->tentative;
}

/* The same, where what its streams held may not have been sent. */
static bool mend_flushed(
	const struct ending *end, int fd, const struct fdrec *rec, struct event *e, bool flushed)
{
	if (!flushed) {
		e->outcome = OUTCOME_FAILED;
		e->why = "another thread may be using its stream";
		return !e->tentative;
	}
	if (!e->tentative)
		mending_tell_time_wait(fd, e);
	return mend(end, fd, rec, e);
}

static bool closed_by(const struct ending *end, int fd)
{
	return end->op != OP_EXEC || sys2(SYS_fcntl, fd, F_GETFD) == FD_CLOEXEC;
}

/* A socket under several numbers ends once, and is judged under the first of them. */
static bool all_numbers_end(const struct ending *end, int fd, const struct fdrec *rec)
{
	unsigned high = fdhint_high(), count = 0;

	for (unsigned i = 0; i < high; i++) {
		if (!(fdhint_get((int)i) & HINT_STREAM) ||
			fdhint_record((int)i)->holders != rec->holders)
			continue;
		if ((int)i < fd || !closed_by(end, (int)i))
			return false;
		count++;
	}
	return owner_counted(rec, count);
}

/* This process's to judge? Asks as little of the kernel as it can: most are a parent's. */
static bool ends_with_us(const struct ending *end, int fd, struct fdrec *rec)
{
	if (owner_sole(fd, rec, rec->cookie))
		return closed_by(end, fd);
	if (!rec->holders || !(rec->flags & REC_SHARED) || !all_numbers_end(end, fd, rec))
		return false;
	rec->flags |= REC_LET_GO | REC_LAST;
	return true;
}

/*
 * A child that has executed another program, or was killed, stays counted. Only who has made it asks
 * the kernel then: a child would for all of its parent's.
 */
static bool may_be_last(const struct fdrec *rec)
{
	return rec->pid == self.pid || !family_counts(rec->holders);
}

#define HIGHER_MOST 256 /* looked at, for each that is unread: more are taken for its peer */

/* The kernel closes from the top: the FIN of a higher number of this very process saves what it is sent to. */
static bool peer_ends_first(int fd)
{
	unsigned high = fdhint_high(), looked = 0;
	struct endpoint peer;

	if (!facts_peer_is_near(fd, &peer))
		return false;
	for (unsigned i = (unsigned)fd + 1; i < high; i++) {
		if ((fdhint_get((int)i) & HINT_STREAM) &&
			(++looked > HIGHER_MOST || facts_is_at((int)i, &peer)))
			return true;
	}
	return false;
}

/*
 * After the end it cannot be watched: what may have been the last is closed a moment before. Output that
 * is under way is waited for, whoever else holds the socket.
 */
static void end_unproven(struct ending *end, int fd, const struct fdrec *rec)
{
	struct event e = {.op = end->op, .status = end->status};
	bool exits = end->op == OP_EXIT, closes = exits && may_be_last(rec);
	bool holds = holding_may(rec) && (!end->stdio || streams_flush(fd, rec)), found;
	struct facts f;
	unsigned threads;
	int unread = 0;

	if ((!holds && !closes && !(exits && self.opt.closes)) || !closed_by(end, fd) ||
		closing_harmless(fd, rec, &unread) || !goes_through(end))
		return;
	threads = closes ? start_threads() : 1;
	closes = closes && threads == 1 &&
		(!end->stdio || (!rec->streams[0] && streams_flush_standard(fd)));
	found = closing_verdict(&e, &f, fd, rec, unread);
	closes = closes && found && !peer_ends_first(fd);
	if (self.opt.closes && exits && (!found || e.tentative))
		closes_tell(PATTERN_NONE, e.op, fd, &f, rec, end->caller);
	if (!found || (!holds && !closes && threads) ||
		!closing_decide(&e, &f, fd, rec, end->caller))
		return;
	if (holds && decide_mends(&e) && holding_saves(e.pattern, fd, &f, rec) &&
		exit_hold(fd, rec, &e, closes))
		return;
	if (closes && !e.tentative)
		closing_unproven(fd, &e);
	else if (!threads && !e.tentative) /* another one may be using it */
		sink_lose();
}

static void end_one(struct ending *end, int fd)
{
	struct fdrec rec = *fdhint_record(fd);
	struct event e = {.op = end->op, .status = end->status};
	bool flush = end->stdio && (start_takes || rec.holders), flushed, found;
	struct facts f;
	int unread = 0;

	/* Its other holders may be gone by the time that all is written. */
	if (flush && rec.holders)
		streams_flush(fd, &rec);
	if (!ends_with_us(end, fd, &rec)) {
		end_unproven(end, fd, &rec);
		return;
	}
	flushed = !flush || streams_flush(fd, &rec);
	if (closing_harmless(fd, &rec, &unread) || !goes_through(end))
		return;
	found = closing_verdict(&e, &f, fd, &rec, unread);
	if (self.opt.closes && (!found || e.tentative))
		closes_tell(PATTERN_NONE, e.op, fd, &f, &rec, end->caller);
	if (self.opt.watch && !found && flushed && end->op == OP_EXIT)
		watch_end(&e, fd, &f, &rec, end->caller);
	if (!found || !owner_sole(fd, &rec, f.cookie) ||
		!closing_decide(&e, &f, fd, &rec, end->caller))
		return;
	if (decide_mends(&e) &&
		(!rec.cookie || !closing_still_due(fd, &e) ||
			!mend_flushed(end, fd, &rec, &e, flushed)))
		return;
	event_tell(&e);
	decide_stop(&e);
}

static void judge_all(struct ending *end)
{
	unsigned high = fdhint_high();

	exit_begin();
	for (unsigned fd = 0; fd < high && !end->fails; fd++) {
		if (fdhint_get((int)fd) & HINT_STREAM)
			end_one(end, (int)fd);
	}
	exit_settle(end->until_ms);
}

static pid_t ended;   /* the process that has been judged: once */
static pid_t entered; /* the one that is just judged; its other threads end it meanwhile */

static void judge_and_settle(struct ending *end)
{
	bool for_good = end->op == OP_EXIT;

	end->until_ms = start_now_ms() + self.opt.exit_ms;
	if (ended != self.pid &&
		__atomic_exchange_n(&entered, self.pid, __ATOMIC_ACQUIRE) != self.pid) {
		if (for_good)
			ended = self.pid;
		if (start_busy_enter()) {
			judge_all(end);
			start_busy_leave();
		}
		__atomic_store_n(&entered, 0, __ATOMIC_RELEASE);
	}
	if (start_takes)
		linger_settle_until(for_good, end->until_ms);
}

static void end_process(int status, const void *caller, bool stdio)
{
	struct ending end = {.op = OP_EXIT,
		.status = status & 0377 ? STATUS_NONZERO : STATUS_ZERO,
		.caller = caller,
		.stdio = stdio};

	if (watched(0) && start_ready())
		judge_and_settle(&end);
}

void ending_process(int status, const void *caller)
{
	end_process(status, caller, false);
}

void ending_at_once(int status, const void *caller)
{
	ending_process(status, caller);
	if (watched(0) && start_ready())
		family_exit();
}

void ending_exit(int status, const void *caller)
{
	end_process(status, caller, true);
}

void ending_exec(bool (*succeeds)(const void *arg), const void *arg, const void *caller)
{
	struct ending end = {.op = OP_EXEC, .caller = caller, .succeeds = succeeds, .arg = arg};

	if (watched(0) && start_ready())
		judge_and_settle(&end);
}

/* After all destructors, for it was registered before them; libc flushes its streams afterwards. */
static void at_exit(int status, void *arg)
{
	(void)arg;
	ending_exit(status, CALLER());
	if (!watched(0) || !start_ready())
		return;
	if (fdhint_high() > 0)
		uring_possible();
	event_summary();
	family_exit_by_stdio(streams_written);
}

#if !HAVE_ON_EXIT
/* Of a status that is not known it is taken that something failed: the peer is to see a cut. */
static void at_exit_untold(void)
{
	at_exit(1, NULL);
}
#endif

static int quick_status;
static const void *quick_caller;

/* After the program's own at_quick_exit handlers, which may still use the sockets. */
static void at_quick(void)
{
	ending_process(quick_status, quick_caller ? quick_caller : CALLER());
}

void ending_start(void)
{
#if HAVE_ON_EXIT
	on_exit(at_exit, NULL);
#else
	atexit(at_exit_untold);
#endif
	at_quick_exit(at_quick);
}

/* at_quick_exit() tells no status. In a vfork child nothing is noted: it is its parent's memory. */
EXPORT(void, quick_exit, (int status))
{
	if (watched(0) && start_ready()) {
		quick_status = status;
		quick_caller = CALLER();
	}
	libc_quick_exit(status);
	__builtin_unreachable();
}

#define END(name) \
	EXPORT(void, name, (int status)) \
	{ \
		ending_at_once(status, CALLER()); \
		libc_##name(status); \
		__builtin_unreachable(); \
	}

END(_exit)
END(_Exit)

void ending_thread(void)
{
	if (start_takes && watched(0))
		deferred_leader_ends();
}

EXPORT(void, pthread_exit, (void *value))
{
	ending_thread();
	libc_pthread_exit(value);
	__builtin_unreachable();
}
