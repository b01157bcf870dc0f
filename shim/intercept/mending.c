/* SPDX-License-Identifier: MIT */
#include "mending.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "../detect/in_flight.h"
#include "../fix/deferred.h"
#include "../fix/linger.h"
#include "../fix/trim.h"
#include "closing.h"
#include "epoll.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <time.h>

void mending_tell_time_wait(int fd, const struct event *e)
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

/* SIGIO, and SIGURG, would go on coming for a descriptor that the program has closed. */
void mending_end_async(int fd)
{
	long flags;

	if (!dup_async_seen())
		return;
	flags = sys2(SYS_fcntl, fd, F_GETFL);
	if (flags >= 0 && (flags & O_ASYNC))
		sys3(SYS_fcntl, fd, F_SETFL, flags & ~O_ASYNC);
	sys3(SYS_fcntl, fd, F_SETOWN, 0);
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

bool mending_at_peer_fin(int fd, struct event *e, const struct drain_bounds *b)
{
	return e->facts.peer_fin && read_to_fin(fd, e, b);
}

/* What was half-closed before may have got the peer's FIN by now: that is the end as well. */
bool mending_half_close(int fd, struct event *e, const struct drain_bounds *b)
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

/* Nobody blocks in a socket that is ready, nor in a non-blocking one. */
static bool may_stand_in(int fd, short ready)
{
	struct pollfd p = {.fd = fd, .events = ready};
	struct timespec now = {0, 0};
	long flags;

	if (ready && sys5(SYS_ppoll, &p, 1, &now, 0, 0) == 1)
		return false;
	flags = sys2(SYS_fcntl, fd, F_GETFL);
	return flags >= 0 && !(flags & O_NONBLOCK) && start_threads() != 1;
}

/*
 * The call holds the file, so that this close alone changes nothing; a half-close would end its write
 * with SIGPIPE, and a drain take its input.
 */
bool mending_thread_may_be(int fd)
{
	return in_flight_reads(fd) || in_flight_writes(fd) || may_stand_in(fd, 0);
}

static bool writer_may_be(int fd, const struct facts *f)
{
	return in_flight_writes(fd) || (f->unsent > 0 && may_stand_in(fd, POLLOUT));
}

/* What SO_RCVLOWAT holds back is not ready; an urgent byte is, and not to be read. */
bool mending_reader_may_be(int fd, const struct facts *f)
{
	return f->unread > 0 && (in_flight_reads(fd) || may_stand_in(fd, POLLIN | POLLPRI));
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
	mending_end_async(fd);
	e->outcome = OUTCOME_LINGERING;
	if (!e->tentative)
		event_tell(e);
	p = (struct parcel){.event = *e,
		.bounds = *b,
		.half_close = writing,
		.writer = writing ? in_flight_rename(fd) : 0,
		.trimmed = deferred_take_trimmed(fd, e->facts.cookie)};
	return linger_adopt(fd, &p);
}

/* What was queued before is thrown away here. */
bool mending_trimmed(int fd, struct event *e)
{
	uint32_t start = start_now_ms();
	long n;

	/* A peer that has sent nothing so far, and may read late, is worth more than one that sends all first. */
	if (e->tentative && e->pattern == PATTERN_LATE_DATA ? !trim_stay(fd) : !trim_leave(fd))
		return false;
	deferred_take_trimmed(fd, e->facts.cookie);
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
bool mending_to_tell(const struct event *e)
{
	if (e->tentative)
		event_risk(e);
	return !e->tentative;
}

bool mending_disarmed(int fd, struct event *e)
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
	if (e->pattern == PATTERN_LINGER2_NEGATIVE && mending_thread_may_be(fd)) {
		e->outcome = e->facts.unsent ? OUTCOME_AVERTED : OUTCOME_DELIVERED;
		return false;
	}
	return true;
}

/*
 * A call in progress gets what still comes: without linger-0 this close is like any that is not the last.
 * What is unread, it may take or leave.
 */
static bool left_to_reader(int fd, struct event *e)
{
	if (e->pattern != PATTERN_LINGER_ZERO || !in_flight_reads(fd))
		return false;
	e->outcome = e->facts.unsent ? OUTCOME_AVERTED : OUTCOME_DELIVERED;
	if (e->facts.unread > 0) {
		e->outcome = OUTCOME_FAILED;
		e->why = "another thread may be reading from it";
	}
	return true;
}

/*
 * A handler that leaves the wait by longjmp() has left a close that is done: it must not run before that
 * is true. Where there are other threads, what is held back from this one might strike another.
 */
static void wait_for_seconds(int fd, const struct event *e, struct signals *signals)
{
	if (start_threads() == 1)
		signals_hold(signals);
	drain_wait_acknowledged(fd, e->facts.linger_sec, signals);
}

bool mending_close(int fd, const struct fdrec *rec, struct event *e, struct signals *signals)
{
	struct linger_limits limits = rules_limits(e->rule, &self.opt.linger);
	struct drain_bounds bounds = drain_bounds(&limits, rec);
	struct drain_result r;

	if (!mending_disarmed(fd, e) || left_to_reader(fd, e))
		return true;
	if (writer_may_be(fd, &e->facts)) {
		if (hand_over(fd, rec, e, &bounds, true))
			return false;
		e->outcome = OUTCOME_FAILED;
		e->why = "another thread may be writing to it";
		return true;
	}
	if (!mending_half_close(fd, e, &bounds))
		return mending_to_tell(e);
	if (mending_at_peer_fin(fd, e, &bounds))
		return true;
	if (e->facts.linger_on && e->facts.linger_sec > 0) {
		if (e->facts.unread == 0) /* else the close would have reset at once */
			wait_for_seconds(fd, e, signals);
		drain_disarm(fd);
	}
	if (hand_over(fd, rec, e, &bounds, false))
		return false;
	if (mending_trimmed(fd, e) ||
		e->tentative) /* a mere risk is not worth a wait inside of close() */
		return mending_to_tell(e);
	signals_release(signals); /* it may take long, and is not to be cut short */
	drain_linger(fd, &bounds, &r);
	e->outcome = r.outcome;
	e->why = r.why;
	e->drained += r.drained;
	e->duration_ms = r.duration_ms;
	e->mended = true;
	return true;
}
