/* SPDX-License-Identifier: MIT */
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

WAIT(poll, (struct pollfd * fds, nfds_t n, int timeout), (fds, n, timeout))
WAIT(__poll, (struct pollfd * fds, nfds_t n, int timeout), (fds, n, timeout))
WAIT(__poll_chk, (struct pollfd * fds, nfds_t n, int timeout, size_t size), (fds, n, timeout, size))
WAIT(ppoll, (struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask),
	(fds, n, timeout, mask))
WAIT(__ppoll_chk,
	(struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
		size_t size),
	(fds, n, timeout, mask, size))
WAIT(select, (int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout),
	(n, in, out, except, timeout))
WAIT(__select, (int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout),
	(n, in, out, except, timeout))
WAIT(pselect,
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
