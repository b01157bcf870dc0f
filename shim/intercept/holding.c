/* SPDX-License-Identifier: MIT */
#include "holding.h"

#include "../base/start.h"
#include "../detect/family.h"
#include "../detect/in_flight.h"
#include "../detect/owner.h"
#include "../fix/linger.h"
#include "closing.h"
#include "epoll.h"

#include <unistd.h>

bool holding_may(const struct fdrec *rec)
{
	return start_fix && rec->pid == self.pid && rec->cookie && !family_counts(rec->holders);
}

/* With SO_LINGER {1, n} the close itself waits for the acknowledgement, or, after a hold, the reaper's. */
bool holding_saves(enum pattern pattern, int fd, const struct facts *f, const struct fdrec *rec)
{
	return f->cookie == rec->cookie && verdict_unacknowledged(f) &&
		pattern != PATTERN_LISTENER_CLOSE && verdict_output_lost(pattern, f) > 0 &&
		!(f->linger_on && f->linger_sec > 0) && !facts_corked(fd) &&
		!(!(rec->flags & REC_MADE) && self.kcmp && owner_parent_holds(fd));
}

/* What was inherited may have several numbers that nobody has seen being made: those of inetd's. */
static bool has_standard_number(int fd, const struct fdrec *rec)
{
	for (int n = 0; n <= STDERR_FILENO; n++)
		if (n != fd && facts_cookie(n) == rec->cookie)
			return true;
	return false;
}

/*
 * A registration with an epoll goes with the last close, so it must not stay for the duplicate's sake;
 * but it is to stay where another number of the program's, or a child, keeps it. Of a socket that was
 * duplicated or sent it may be one of another number, which is closed by now.
 */
static bool detach(int fd, const struct fdrec *rec)
{
	if (rec->flags & REC_SHARED)
		return !epoll_used();
	if (rec->epoll_count == 0 && !(rec->flags & REC_EPOLLS_UNKNOWN))
		return true;
	return rec->forks == owner_mark().forks && !has_standard_number(fd, rec) &&
		linger_ready() && epoll_detach(fd, rec);
}

/* A duplicate keeps SIGIO alive, which only a flag that all holders share could end. */
bool holding_begin(int fd, const struct fdrec *rec, struct event *e)
{
	struct linger_limits limits = rules_limits(e->rule, &self.opt.linger);
	struct parcel p = {.bounds = drain_bounds(&limits, rec)};

	if (dup_async_seen() || !detach(fd, rec))
		return false;
	hold_begin(&p.hold, fd, rec);
	p.hold.in_use = e->in_use && !in_flight_reads(fd) && !in_flight_writes(fd);
	p.event = *e;
	return linger_adopt(fd, &p);
}
