/* SPDX-License-Identifier: MIT */
#include "../base/start.h"
#include "../fix/deferred.h"
#include "export.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

/*
 * The doors at which a program waits for what may come: one load and a branch where nothing is
 * deferred. All that is deferred is made real: whom the wait is for stands in memory that only the
 * kernel may read before it has said that it can.
 */
#define WAIT(name, params, args) \
	EXPORT(int, name, params) \
	{ \
		deferred_before(); \
		return libc_##name args; \
	}

/* Those that hold the sockets themselves (watch.c). */
#define HOLD(name, params, args) \
	EXPORT(int, name, params) \
	{ \
		int r; \
\
		deferred_before(); \
		if (likely(!self.opt.watch) || !start_may_note()) \
			return libc_##name args; \
		__atomic_add_fetch(&start_waiting, 1, __ATOMIC_SEQ_CST); \
		r = libc_##name args; \
		__atomic_sub_fetch(&start_waiting, 1, __ATOMIC_SEQ_CST); \
		return r; \
	}

HOLD(poll, (struct pollfd * fds, nfds_t n, int timeout), (fds, n, timeout))
HOLD(__poll, (struct pollfd * fds, nfds_t n, int timeout), (fds, n, timeout))
HOLD(__poll_chk, (struct pollfd * fds, nfds_t n, int timeout, size_t size), (fds, n, timeout, size))
HOLD(ppoll, (struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask),
	(fds, n, timeout, mask))
HOLD(__ppoll_chk,
	(struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
		size_t size),
	(fds, n, timeout, mask, size))
HOLD(select, (int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout),
	(n, in, out, except, timeout))
HOLD(__select, (int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout),
	(n, in, out, except, timeout))
HOLD(pselect,
	(int n, fd_set *in, fd_set *out, fd_set *except, const struct timespec *timeout,
		const sigset_t *mask),
	(n, in, out, except, timeout, mask))
WAIT(epoll_wait, (int ep, struct epoll_event *events, int most, int timeout),
	(ep, events, most, timeout))
WAIT(epoll_pwait, (int ep, struct epoll_event *events, int most, int timeout, const sigset_t *mask),
	(ep, events, most, timeout, mask))
WAIT(epoll_pwait2,
	(int ep, struct epoll_event *events, int most, const struct timespec *timeout,
		const sigset_t *mask),
	(ep, events, most, timeout, mask))
