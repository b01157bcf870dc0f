/* SPDX-License-Identifier: MIT */
#include "shutdown.h"

#include "../base/start.h"
#include "../detect/owner.h"
#include "../fix/deferred.h"
#include "closes.h"
#include "closing.h"
#include "decide.h"
#include "epoll.h"
#include "export.h"
#include "listening.h"

#include <sys/socket.h>

/*
 * Is it this process's alone, and do the rules want it mended? The event is told where it ends, if
 * data does come.
 */
static bool to_be_mended(int fd, const struct facts *f, struct fdrec *rec, const void *caller)
{
	struct event e = {.pattern = PATTERN_SHUTDOWN_READ, .op = OP_SHUTDOWN, .tentative = true};

	if (!start_fix || !verdict_peer_may_send(f) || !rec->cookie ||
		((rec->flags & REC_MPTCP) && facts_speaks_mptcp(fd)) ||
		!owner_sole(fd, rec, f->cookie) || !decide(&e, fd, f, rec, caller))
		return false;
	rec->shut_site = (uint16_t)e.site;
	return decide_mends(&e);
}

/*
 * The reading side is left open where nobody can see that: another thread may stand in a read or a
 * wait already, which SHUT_RD has to end at once; so may another process, in an epoll that both have.
 * True: it is deferred.
 */
static bool mend(
	int fd, const struct facts *f, struct fdrec *rec, unsigned newly, const void *caller)
{
	bool deferred = false;

	if (!start_busy_enter())
		return false;
	if (to_be_mended(fd, f, rec, caller)) {
		deferred = (newly & REC_SHUT_RD) && start_threads() == 1 && epoll_private(rec) &&
			deferred_add(fd, rec->cookie);
		if (!deferred && (rec->flags & REC_SHUT_BOTH) == REC_SHUT_BOTH)
			deferred_trim(fd, rec->cookie);
	}
	start_busy_leave();
	return deferred;
}

/*
 * Both sides are shut: what the peer sends from now on is answered with RST. Whether it does send
 * is seen at the close, by the segments that came in since. After its FIN nothing comes.
 */
static void both_shut(struct fdrec *rec, const struct facts *f, const void *caller)
{
	rec->shut_segs_in = f->peer_fin ? UINT32_MAX : f->data_segs_in;
	if (!f->peer_fin && !rec->shut_site)
		rec->shut_site = (uint16_t)event_callsite(OP_SHUTDOWN, caller);
}

/* Copies have the same age: the kernel need not be asked about many others. */
static bool is_duplicate(int other, const struct fdrec *rec, uint64_t cookie)
{
	const struct fdrec *to;

	if (!(fdhint_get(other) & HINT_STREAM))
		return false;
	to = fdhint_record(other);
	return to != rec && (to->flags & REC_SHARED) && to->made_ms == rec->made_ms &&
		facts_cookie(other) == cookie;
}

void shutdown_share(int fd)
{
	const struct fdrec *rec = fdhint_record(fd);
	uint32_t shut = rec->flags & REC_SHUT_BOTH;
	int other, high = (int)fdhint_high();
	struct fdrec *to;
	uint64_t cookie;

	if (!(rec->flags & REC_SHARED))
		return;
	cookie = facts_cookie(fd);
	for (other = 0; cookie && other < high; other++) {
		if (!is_duplicate(other, rec, cookie))
			continue;
		to = fdhint_record(other);
		to->shut_segs_in = rec->shut_segs_in;
		to->shut_site = rec->shut_site;
		if (shut)
			__atomic_fetch_or(&to->flags, shut, __ATOMIC_SEQ_CST);
		else
			__atomic_fetch_and(&to->flags, ~(uint32_t)REC_SHUT_BOTH, __ATOMIC_SEQ_CST);
	}
}

/* The reading side is deferred: what is left to be shut, with the result of the whole. */
static int shut_more(int fd, int how, const struct fdrec *rec)
{
	if (rec->flags & REC_SHUT_WR)
		return libc_shutdown(fd, SHUT_WR);
	deferred_settle(fd);
	return libc_shutdown(fd, how);
}

static unsigned sides(int how)
{
	return (how != SHUT_WR ? REC_SHUT_RD : 0) | (how != SHUT_RD ? REC_SHUT_WR : 0);
}

int rf_shutdown(int fd, int how, const void *caller)
{
	unsigned hint = fdhint_get(fd), newly;
	struct fdrec *rec;
	struct facts f;
	bool both, deferred;
	int r;

	if (!(hint & HINT_STREAM) || how < SHUT_RD || how > SHUT_RDWR || !start_ready())
		return libc_shutdown(fd, how);
	if (listening_shutdown(fd, how, caller, &r))
		return r;
	rec = fdhint_record(fd);
	newly = sides(how) & ~rec->flags;
	rec->flags |= newly;
	both = newly && (rec->flags & REC_SHUT_BOTH) == REC_SHUT_BOTH;
	if ((both || (start_fix && (newly & REC_SHUT_RD))) && facts_ask(fd, 0, &f)) {
		deferred = !(hint & HINT_DEFERRED) && mend(fd, &f, rec, newly, caller);
		if (both)
			both_shut(rec, &f, caller);
		if (both && self.opt.closes)
			closes_tell(PATTERN_NONE, OP_SHUTDOWN, fd, &f, rec, caller);
		if (deferred)
			return how == SHUT_RD ? 0 : libc_shutdown(fd, SHUT_WR);
	}
	if (newly)
		shutdown_share(fd);
	if (hint & HINT_DEFERRED)
		return shut_more(fd, how, rec);
	return libc_shutdown(fd, how);
}

EXPORT(int, shutdown, (int fd, int how))
{
	if (likely(!fdhint_get(fd)))
		return libc_shutdown(fd, how);
	return rf_shutdown(fd, how, CALLER());
}
