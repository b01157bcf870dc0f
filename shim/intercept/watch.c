/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "../detect/owner.h"
#include "../detect/uring.h"
#include "../fix/linger.h"
#include "decide.h"
#include "epoll.h"
#include "mending.h"

#include <fcntl.h>
#include <pthread.h>

/* Nobody blocks in a non-blocking socket, but in a wait for it: an epoll's ends before (epoll_detach()). */
static bool nobody_waits(int fd)
{
	long flags;

	if (start_threads() == 1)
		return true;
	flags = sys2(SYS_fcntl, fd, F_GETFL);
	return flags >= 0 && (flags & O_NONBLOCK) &&
		__atomic_load_n(&start_waiting, __ATOMIC_SEQ_CST) == 0;
}

/* SO_LINGER {1, n} would have to block here; a fast-closed MPTCP connection resets by itself. */
static bool watchable(int fd, const struct facts *f, const struct fdrec *rec)
{
	return verdict_peer_may_send(f) && !f->linger_on && rec->cookie &&
		!(rec->flags & (REC_MPTCP | REC_SHUT_RD)) && owner_sole(fd, rec, f->cookie) &&
		nobody_waits(fd) && !uring_possible();
}

static void hand_over(int fd, const struct event *e)
{
	struct parcel p = {.event = *e,
		.bounds = {.idle_ms = LINGER_WATCH_MS, .total_ms = LINGER_WATCH_MS},
		.watched = true};

	linger_adopt(fd, &p); /* not taken, nothing is seen of it */
}

/*
 * What has come since it was judged is reset now, by the close: nobody is waited for, for by then the
 * peer might have closed as well. From the shutdown on nothing is queued any more.
 */
static bool reset_already(int fd, struct event *e)
{
	if (!facts_reset_since(fd, e->facts.data_segs_in))
		return false;
	event_confirm(e, fd);
	e->outcome = OUTCOME_RESET;
	event_tell(e);
	return true;
}

static void begin(
	struct event *e, int fd, const struct facts *f, const struct fdrec *rec, const void *caller)
{
	e->pattern = PATTERN_LATE_DATA;
	e->tentative = true;
	if (!decide(e, fd, f, rec, caller))
		return;
	event_addresses(e, fd, rec); /* once it is reset it has none */
	if (!epoll_detach(fd, rec))
		return;
	mending_end_async(fd);
	if (sys2(SYS_shutdown, fd, SHUT_RDWR) == 0 && !reset_already(fd, e))
		hand_over(fd, e);
}

void watch_close(struct closing *c, int fd, const struct facts *f, const struct fdrec *rec,
	const void *caller)
{
	if (!watchable(fd, f, rec))
		return;
	if (c->cancellable && !c->holders)
		pthread_testcancel();
	c->judged = start_busy_enter();
	if (c->judged)
		begin(&c->event, fd, f, rec, caller);
}

void watch_end(
	struct event *e, int fd, const struct facts *f, const struct fdrec *rec, const void *caller)
{
	if (watchable(fd, f, rec))
		begin(e, fd, f, rec, caller);
}
