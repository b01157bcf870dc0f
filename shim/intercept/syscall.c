/* SPDX-License-Identifier: MIT */
#include "../base/start.h"
#include "../base/sys.h"
#include "../detect/family.h"
#include "../detect/in_flight.h"
#include "../detect/owner.h"
#include "../detect/uring.h"
#include "../fix/deferred.h"
#include "../fix/linger.h"
#include "../log/unwind.h"
#include "closing.h"
#include "ending.h"
#include "epoll.h"
#include "exec.h"
#include "export.h"
#include "pressure.h"
#include "rights.h"

#include <sys/syscall.h>

/*
 * syscall(): libuv and others close by it. The numbers that lead to a door go through that door;
 * every other one goes through as it came, with six arguments.
 */

/* A child that shares this memory is told by its pid, as long as the door is in flight. */
static long rf_make(long number, long a, long b, long c, long d, long e, long f)
{
	bool counted;
	long r;

	deferred_before();
	if (watched(0) && start_ready())
		self.threaded_at_fork = start_threads() != 1;
	counted = family_fork_begin();
	r = libc_syscall(number, a, b, c, d, e, f);
	if (r < 0 && counted)
		family_fork_undone();
	if (r != 0)
		owner_leave(DOOR_FORK);
	else if (watched(0))
		start_ready();
	return r;
}

/* Counted as poll() and select() are (wait.c). */
static long rf_wait(long number, long a, long b, long c, long d, long e, long f)
{
	bool counted = self.opt.watch && start_may_note();
	long r;

	deferred_before();
	if (likely(!counted))
		return libc_syscall(number, a, b, c, d, e, f);
	__atomic_add_fetch(&start_waiting, 1, __ATOMIC_SEQ_CST);
	r = libc_syscall(number, a, b, c, d, e, f);
	__atomic_sub_fetch(&start_waiting, 1, __ATOMIC_SEQ_CST);
	return r;
}

/* Between two descriptors. */
static long rf_move(int in, int out, long number, long a, long b, long c, long d, long e, long f)
{
	struct in_flight *call;
	long r;

	deferred_before();
	call = in_flight_enter(in, out);
	r = libc_syscall(number, a, b, c, d, e, f);
	in_flight_leave(call);
	return r;
}

/* It may be one that makes descriptors. */
static long make_other(long number, long a, long b, long c, long d, long e, long f)
{
	int before = errno;
	long r = libc_syscall(number, a, b, c, d, e, f);

	return out_of_descriptors(r == -1 ? -1 : 0, before) ? libc_syscall(number, a, b, c, d, e, f)
							    : r;
}

static long rf_send(long number, long a, long b, long c, long d, long e, long f)
{
	struct rights rights;
	long r;

	deferred_before();
	if (number == SYS_sendmsg)
		rights_begin(&rights, (const struct msghdr *)b);
	else
		rights_begin_many(&rights, (const struct mmsghdr *)b, (unsigned)c);
	r = libc_syscall(number, a, b, c, d, e, f);
	rights_end(&rights, r >= 0);
	return r;
}

#ifdef SYS_io_uring_setup
static long make_ring(long entries, long params)
{
	int before = errno;
	long r;

	deferred_before();
	r = libc_syscall(SYS_io_uring_setup, entries, params, 0, 0, 0, 0);
	if (out_of_descriptors((int)r, before))
		r = libc_syscall(SYS_io_uring_setup, entries, params, 0, 0, 0, 0);
	if (r >= 0 && watched(0) && start_ready())
		uring_made();
	return r;
}
#endif

EXPORT(long, syscall, (long number, long a, long b, long c, long d, long e, long f))
{
	long r;

	switch (number) {
	case SYS_close:
		return fdhint_get((int)a) ? rf_syscall_close((int)a, CALLER())
					  : libc_syscall(number, a, b, c, d, e, f);
#ifdef SYS_dup2
	case SYS_dup2:
		return rf_dup2((int)a, (int)b, CALLER());
#endif
	case SYS_dup3:
		return rf_dup3((int)a, (int)b, (int)c, CALLER());
	case SYS_dup:
		return rf_dup((int)a);
	case SYS_fcntl:
		return rf_fcntl((int)a, (int)b, c);
	case SYS_ioctl:
		return rf_syscall_ioctl((int)a, (unsigned long)b, (void *)c);
	case SYS_execve:
		return rf_execve((const char *)a, (char *const *)b, (char *const *)c, CALLER());
	case SYS_execveat:
		return rf_execveat((int)a, (const char *)b, (char *const *)c, (char *const *)d,
			(int)e, CALLER());
	case SYS_unshare:
		return rf_unshare((int)a);
	case SYS_sendmsg:
	case SYS_sendmmsg:
		return rf_send(number, a, b, c, d, e, f);
	case SYS_socket:
		return rf_syscall_socket((int)a, (int)b, (int)c);
	case SYS_listen:
		return rf_syscall_listen((int)a, (int)b);
#ifdef SYS_accept
	case SYS_accept:
#endif
	case SYS_accept4:
		return rf_syscall_accept(number, (int)a, (void *)b, (socklen_t *)c, (int)d);
	case SYS_connect:
		return rf_syscall_connect((int)a, (const void *)b, (socklen_t)c, CALLER());
	case SYS_recvmsg:
		deferred_before();
		pressure_before_rights((int)a, (const struct msghdr *)b);
		r = libc_syscall(number, a, b, c, d, e, f);
		if (r >= 0)
			rights_received((struct msghdr *)b);
		return r;
	case SYS_recvmmsg:
		deferred_before();
		if (c)
			pressure_before_rights((int)a, &((const struct mmsghdr *)b)->msg_hdr);
		r = libc_syscall(number, a, b, c, d, e, f);
		rights_received_many((struct mmsghdr *)b, (int)r);
		return r;
	case SYS_pidfd_getfd:
		return rf_syscall_pidfd_getfd((int)a, (int)b, (unsigned)c);
	case SYS_shutdown:
		return rf_shutdown((int)a, (int)b, CALLER());
	case SYS_setsockopt:
		return rf_setsockopt(
			(int)a, (int)b, (int)c, (const void *)d, (socklen_t)e, CALLER());
	case SYS_close_range:
		return rf_close_range((unsigned)a, (unsigned)b, (int)c, CALLER());
	case SYS_epoll_ctl:
		return rf_epoll_ctl((int)a, (int)b, (int)c, (void *)d);
	case SYS_exit: /* of the last thread it ends the program */
		if (watched(0) && start_ready() && start_threads() == 1)
			ending_at_once((int)a, CALLER());
		ending_thread();
		return libc_syscall(number, a, b, c, d, e, f);
	case SYS_setuid:
	case SYS_setgid:
	case SYS_setreuid:
	case SYS_setregid:
	case SYS_setresuid:
	case SYS_setresgid:
	case SYS_setgroups:
	case SYS_capset:
		return rf_own_identity(number, a, b, c);
	case SYS_exit_group:
		ending_at_once((int)a, CALLER());
		return libc_syscall(number, a, b, c, d, e, f);
	case SYS_setns:
		if (start_takes && watched(0) && start_ready())
			linger_settle(false);
		return libc_syscall(number, a, b, c, d, e, f);
	case SYS_chroot:
		return rf_chroot((const char *)a);
#ifdef SYS_setrlimit
	case SYS_setrlimit:
		rf_before_limit(0, (int)a, (const void *)b);
		return libc_syscall(number, a, b, c, d, e, f);
#endif
	case SYS_prlimit64:
		rf_before_limit((pid_t)a, (int)b, (const void *)c);
		return libc_syscall(number, a, b, c, d, e, f);
	case SYS_prctl:
		return rf_prctl((int)a, (unsigned long)b, (unsigned long)c, (unsigned long)d,
			(unsigned long)e);
	case SYS_seccomp:
		return rf_seccomp((unsigned)a, (unsigned)b, (void *)c);
#ifdef SYS_fork
	case SYS_fork:
#endif
#ifdef SYS_clone3
	case SYS_clone3:
#endif
	case SYS_clone:
		return rf_make(number, a, b, c, d, e, f);
	case SYS_splice:
		return rf_move((int)a, (int)c, number, a, b, c, d, e, f);
#if SYS_sendfile64 != SYS_sendfile
	case SYS_sendfile64:
#endif
	case SYS_sendfile:
		return rf_move((int)b, (int)a, number, a, b, c, d, e, f);
	case SYS_read:
	case SYS_readv:
	case SYS_preadv2:
	case SYS_recvfrom:
	case SYS_io_submit:
	case SYS_io_getevents:
#ifdef SYS_io_pgetevents
	case SYS_io_pgetevents:
#endif
#ifdef SYS_epoll_wait
	case SYS_epoll_wait:
#endif
	case SYS_epoll_pwait:
#ifdef SYS_epoll_pwait2
	case SYS_epoll_pwait2:
#endif
#ifdef SYS_io_uring_enter
	case SYS_io_uring_enter:
#endif
		deferred_before();
		return libc_syscall(number, a, b, c, d, e, f);
#ifdef SYS_poll
	case SYS_poll:
	case SYS_select:
#endif
	case SYS_ppoll:
	case SYS_pselect6:
		return rf_wait(number, a, b, c, d, e, f);
#ifdef SYS_io_uring_setup
	case SYS_io_uring_setup:
		return make_ring(a, b);
#endif
	case SYS_write: /* some builds of libunwind probe memory this way */
		if (unlikely(fdhint_get((int)a) & HINT_UNWINDER) && unwind_is_caller(CALLER()))
			return unwind_probe_write((const void *)b, (size_t)c);
		return libc_syscall(number, a, b, c, d, e, f);
	default:
		return make_other(number, a, b, c, d, e, f);
	}
}
