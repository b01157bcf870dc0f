/* SPDX-License-Identifier: MIT */
#include "../base/start.h"
#include "../detect/facts.h"
#include "../detect/owner.h"
#include "../detect/uring.h"
#include "../fix/deferred.h"
#include "closing.h"
#include "disconnect.h"
#include "export.h"
#include "failure.h"
#include "pressure.h"
#include "shutdown.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#define TYPE_FLAGS (SOCK_CLOEXEC | SOCK_NONBLOCK)

static bool is_tcp(int domain, int type, int protocol)
{
	return (domain == AF_INET || domain == AF_INET6) && (type & ~TYPE_FLAGS) == SOCK_STREAM &&
		(protocol == 0 || protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP);
}

HOT static struct fdrec *made(int fd, const struct owner_mark *mark, int flags)
{
	struct fdrec *rec = fdhint_begin(fd, HINT_STREAM);

	owner_made(rec, mark, flags & SOCK_CLOEXEC);
	if (start_takes) /* what is going to be touched must be this very socket */
		rec->cookie = facts_cookie(fd);
	rec->made_ms = start_now_ms();
	rec->pid = self.pid;
	return rec;
}

HOT static int rf_socket(int (*real)(int, int, int), int domain, int type, int protocol)
{
	struct owner_mark mark = owner_mark();
	int before = errno, fd = real(domain, type, protocol);

	if (out_of_descriptors(fd, before))
		fd = real(domain, type, protocol);
	if (fd < 0)
		return fd;
	if (!is_tcp(domain, type, protocol))
		start_forget(fd);
	else if (watched(fd) && start_may_note() && protocol == IPPROTO_MPTCP)
		made(fd, &mark, type)->flags |= REC_MPTCP;
	else if (watched(fd) && start_may_note())
		made(fd, &mark, type);
	return fd;
}

EXPORT(int, socket, (int domain, int type, int protocol))
{
	return rf_socket(libc_socket, domain, type, protocol);
}

static int socket_by_syscall(int domain, int type, int protocol)
{
	return (int)libc_syscall(SYS_socket, domain, type, protocol, 0, 0, 0);
}

int rf_syscall_socket(int domain, int type, int protocol)
{
	return rf_socket(socket_by_syscall, domain, type, protocol);
}

EXPORT(int, __socket, (int domain, int type, int protocol))
{
	return rf_socket(libc___socket, domain, type, protocol);
}

/*
 * Only connect() to AF_UNSPEC wants to know: what waits there is reset by it. A server that does the
 * rest by a ring comes to no other door.
 */
static void listens(int fd)
{
	if (!(fdhint_get(fd) & HINT_STREAM) || !start_ready())
		return;
	fdhint_record(fd)->flags |= REC_LISTENS;
	uring_possible();
}

EXPORT(int, listen, (int fd, int backlog))
{
	listens(fd);
	return libc_listen(fd, backlog);
}

long rf_syscall_listen(int fd, int backlog)
{
	listens(fd);
	return libc_syscall(SYS_listen, fd, backlog, 0, 0, 0, 0);
}

/*
 * As long as others have the listener, each connection may be armed. Where they are gone, or are programs
 * that were executed, it is the listener that is asked, once in a tick of the clock: a server is not to be
 * slower for good because it has run a program.
 */
static __attribute__((noinline, cold)) bool armed_elsewhere(
	int listener, struct fdrec *from, uint32_t now_ms)
{
	if (owner_is_shared(from))
		return true;
	if (from->asked_ms != now_ms && facts_armed(listener))
		__atomic_fetch_or(&from->flags, REC_ARMED_ELSEWHERE, __ATOMIC_RELAXED);
	from->asked_ms = now_ms;
	return from->flags & REC_ARMED_ELSEWHERE;
}

/* A socket inherits SO_LINGER, TCP_LINGER2 and the protocol of the listener it came from. */
HOT static void accepted(int listener, int fd, const struct owner_mark *mark, int flags)
{
	struct fdrec *from, *rec;

	if (!(fdhint_get(listener) & HINT_STREAM)) {
		start_forget(fd);
		return;
	}
	if (!watched(fd) || !start_may_note())
		return;
	from = fdhint_record(listener);
	rec = made(fd, mark, flags);
	rec->role = ROLE_SERVER;
	rec->flags |= REC_ESTABLISHED | (from->flags & REC_MPTCP);
	if (from->flags & REC_ARMED) {
		rec->flags |= REC_ARMED_LISTENER;
		rec->armed_site = from->armed_site;
	}
	rec->linger2_site = from->linger2_site;
	if (unlikely(owner_was_shared(from)) && armed_elsewhere(listener, from, rec->made_ms))
		rec->flags |= REC_ARMED_ELSEWHERE;
}

EXPORT(int, accept, (int fd, void *addr, socklen_t *len))
{
	struct owner_mark mark = owner_mark();
	int before = errno, r = libc_accept(fd, addr, len);

	if (out_of_descriptors(r, before))
		r = libc_accept(fd, addr, len);
	if (r >= 0)
		accepted(fd, r, &mark, 0);
	return r;
}

EXPORT(int, accept4, (int fd, void *addr, socklen_t *len, int flags))
{
	struct owner_mark mark = owner_mark();
	int before = errno, r = libc_accept4(fd, addr, len, flags);

	if (out_of_descriptors(r, before))
		r = libc_accept4(fd, addr, len, flags);
	if (r >= 0)
		accepted(fd, r, &mark, flags);
	return r;
}

/* SYS_accept, which takes no flags, or SYS_accept4. */
int rf_syscall_accept(long number, int fd, void *addr, socklen_t *len, int flags)
{
	struct owner_mark mark = owner_mark();
	int before = errno;
	int r = (int)libc_syscall(number, fd, (long)addr, (long)len, flags, 0, 0);

	if (out_of_descriptors(r, before))
		r = (int)libc_syscall(number, fd, (long)addr, (long)len, flags, 0, 0);
	if (r >= 0)
		accepted(fd, r, &mark, number == SYS_accept4 ? flags : 0);
	return r;
}

/* A connection begins: what is known of an earlier one of this socket does not hold for it. */
HOT static void connecting(int fd, const void *addr, socklen_t len, bool established)
{
	struct fdrec *rec = fdhint_record(fd);
	bool shut = rec->flags & REC_SHUT_BOTH;

	rec->role = ROLE_CLIENT;
	rec->flags &= (uint32_t) ~(REC_TOLD | REC_WROTE_AFTER_EOF | REC_SHUT_RD | REC_SHUT_WR);
	rec->flags |= established ? REC_ESTABLISHED : 0;
	rec->shut_site = 0;
	if (unlikely(shut))
		shutdown_share(fd);
	fdhint_unset(fd, HINT_EOF);
	facts_endpoint(addr, len, &rec->peer);
}

/* The kernel could read it. */
static bool is_unspecified(const void *addr)
{
	sa_family_t family;

	memcpy(&family, addr, sizeof(family));
	return family == AF_UNSPEC;
}

HOT static int rf_connect(int (*real)(int, const void *, socklen_t), int fd, const void *addr,
	socklen_t len, const void *caller)
{
	struct disconnect d;
	bool looked = unlikely(disconnect_may_reset(fd));
	int r, saved;

	if (unlikely(fdhint_get(fd) & HINT_DEFERRED))
		deferred_settle(fd);
	if (looked)
		disconnect_look(&d, fd);
	r = real(fd, addr, len);
	saved = errno;
	if (!(fdhint_get(fd) & HINT_STREAM) || !start_may_note())
		return r;
	if (unlikely(r == 0 && is_unspecified(addr))) {
		if (looked)
			disconnect_tell(&d, fd, caller);
	} else if (r == 0 || saved == EINPROGRESS || saved == EINTR || saved == ECONNREFUSED)
		connecting(fd, addr, len, r == 0);
	if (r < 0 && saved == ECONNREFUSED)
		failure_tell(fd, saved, false, OP_CONNECT, caller);
	errno = saved;
	return r;
}

static int connect_by_syscall(int fd, const void *addr, socklen_t len)
{
	return (int)libc_syscall(SYS_connect, fd, (long)addr, (long)len, 0, 0, 0);
}

int rf_syscall_connect(int fd, const void *addr, socklen_t len, const void *caller)
{
	return rf_connect(connect_by_syscall, fd, addr, len, caller);
}

EXPORT(int, connect, (int fd, const void *addr, socklen_t len))
{
	if (likely(!fdhint_get(fd)))
		return libc_connect(fd, addr, len);
	return rf_connect(libc_connect, fd, addr, len, CALLER());
}

EXPORT(int, __connect, (int fd, const void *addr, socklen_t len))
{
	if (likely(!fdhint_get(fd)))
		return libc___connect(fd, addr, len);
	return rf_connect(libc___connect, fd, addr, len, CALLER());
}
