/* SPDX-License-Identifier: MIT */
#include "epoll.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "../fix/deferred.h"
#include "closing.h"
#include "export.h"
#include "pressure.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#define KNOWN (sizeof(((struct fdrec *)0)->epolls) / sizeof(int))

static bool used;

bool epoll_used(void)
{
	return __atomic_load_n(&used, __ATOMIC_RELAXED);
}

static void registered(int ep, int fd)
{
	struct fdrec *rec = fdhint_record(fd);
	unsigned i;

	__atomic_store_n(&used, true, __ATOMIC_RELAXED);
	rec->epoll_pid = self.pid;
	for (i = 0; i < rec->epoll_count; i++)
		if (rec->epolls[i] == ep)
			return;
	if (rec->epoll_count == KNOWN)
		rec->flags |= REC_EPOLLS_UNKNOWN;
	else
		rec->epolls[rec->epoll_count++] = ep;
}

/*
 * The record of a number that is no socket's says who else may have the epoll: the same proof as that of
 * a socket's last reference. What other doors have made has none.
 */
static void made(int ep, const struct owner_mark *mark, bool cloexec)
{
	struct fdrec *rec;

	start_forget(ep);
	if (ep < 0 || !watched(ep) || !start_may_note())
		return;
	rec = fdhint_record(ep);
	memset(rec, 0, sizeof(*rec));
	owner_made(rec, mark, cloexec);
}

bool epoll_private(const struct fdrec *rec)
{
	struct owner_mark now = owner_mark();
	unsigned i;

	for (i = 0; i < rec->epoll_count; i++)
		if (!watched(rec->epolls[i]) || fdhint_get(rec->epolls[i]) ||
			!owner_made_alone(rec->epolls[i], fdhint_record(rec->epolls[i]), &now))
			return false;
	return !(rec->flags & REC_EPOLLS_UNKNOWN);
}

EXPORT(int, epoll_create, (int size))
{
	struct owner_mark mark = owner_mark();
	int before = errno, r = libc_epoll_create(size);

	if (out_of_descriptors(r, before))
		r = libc_epoll_create(size);
	made(r, &mark, false);
	return r;
}

EXPORT(int, epoll_create1, (int flags))
{
	struct owner_mark mark = owner_mark();
	int before = errno, r = libc_epoll_create1(flags);

	if (out_of_descriptors(r, before))
		r = libc_epoll_create1(flags);
	made(r, &mark, flags & EPOLL_CLOEXEC);
	return r;
}

static void unregistered(int ep, int fd)
{
	struct fdrec *rec = fdhint_record(fd);
	unsigned i;

	for (i = 0; i < rec->epoll_count; i++)
		if (rec->epolls[i] == ep)
			rec->epolls[i] = rec->epolls[--rec->epoll_count];
}

/*
 * An error says that the number is no such epoll any more (EBADF, EINVAL), or another one (ENOENT).
 * The registration has ended with the epoll then, unless that lives on under another number.
 */
static bool gone(long error)
{
	return (error == -ENOENT || error == -EBADF || error == -EINVAL) && !dup_other_seen();
}

bool epoll_detach(int fd, const struct fdrec *rec)
{
	/* Who has made it was to undo it, or the last holder would not be known (detect/family.c). */
	bool inherited = rec->epoll_pid != self.pid;
	unsigned i;
	long r;

	if (rec->flags & REC_EPOLLS_UNKNOWN)
		return false;
	for (i = 0; i < rec->epoll_count; i++) {
		r = sys4(SYS_epoll_ctl, rec->epolls[i], EPOLL_CTL_DEL, fd, 0);
		if (r != 0 && !inherited && !gone(r))
			return false;
	}
	return true;
}

int rf_epoll_ctl(int ep, int op, int fd, void *event)
{
	int r;

	/* Another process may wait for it there, as long as the epoll is there. */
	if (unlikely(fdhint_get(fd) & HINT_DEFERRED) && op != EPOLL_CTL_DEL)
		deferred_settle(fd);
	/* Noted before the call: another thread may close the descriptor as soon as it is known. */
	if (op == EPOLL_CTL_ADD && (fdhint_get(fd) & HINT_STREAM) && start_may_note())
		registered(ep, fd);
	r = libc_epoll_ctl(ep, op, fd, event);
	/* EEXIST: it is there all the same. */
	if (((op == EPOLL_CTL_DEL && r == 0) ||
		    (op == EPOLL_CTL_ADD && r < 0 && errno != EEXIST)) &&
		(fdhint_get(fd) & HINT_STREAM) && start_may_note())
		unregistered(ep, fd);
	return r;
}

EXPORT(int, epoll_ctl, (int ep, int op, int fd, void *event))
{
	if (likely(!fdhint_get(fd)))
		return libc_epoll_ctl(ep, op, fd, event);
	return rf_epoll_ctl(ep, op, fd, event);
}
