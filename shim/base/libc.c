/* SPDX-License-Identifier: MIT */
#include "libc.h"

#include "sys.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <wordexp.h>

/*
 * The fallbacks: what a door does while the constructor has not run. ld.so and other libraries'
 * constructors call read, close and the like then.
 */
static long answer(long r)
{
	if (r < 0 && r > -4096) {
		errno = (int)-r;
		return -1;
	}
	return r;
}

/* Rows that are no system call are asked of libc when they are called. */
static void *late(const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);

	if (!f)
		errno = ENOSYS;
	return f;
}

#define EARLY(ret, name, params, ...) \
	static ret early_##name params \
	{ \
		return (ret)answer(sys_call(__VA_ARGS__)); \
	}

EARLY(int, close, (int fd), SYS_close, fd, 0, 0, 0, 0, 0)
EARLY(int, close_range, (unsigned first, unsigned last, int flags), SYS_close_range, first, last,
	flags, 0, 0, 0)
EARLY(int, dup, (int fd), SYS_dup, fd, 0, 0, 0, 0, 0)
EARLY(int, dup3, (int fd, int target, int flags), SYS_dup3, fd, target, flags, 0, 0, 0)
EARLY(int, fcntl, (int fd, int cmd, long arg), SYS_fcntl, fd, cmd, arg, 0, 0, 0)
EARLY(int, ioctl, (int fd, unsigned long request, void *arg), SYS_ioctl, fd, request, arg, 0, 0, 0)
EARLY(int, unshare, (int flags), SYS_unshare, flags, 0, 0, 0, 0, 0)
EARLY(int, shutdown, (int fd, int how), SYS_shutdown, fd, how, 0, 0, 0, 0)
EARLY(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t len),
	SYS_setsockopt, fd, level, name, value, len, 0)
EARLY(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *len), SYS_getsockopt,
	fd, level, name, value, len, 0)
EARLY(ssize_t, read, (int fd, void *buf, size_t len), SYS_read, fd, buf, len, 0, 0, 0)
EARLY(ssize_t, readv, (int fd, const struct iovec *iov, int count), SYS_readv, fd, iov, count, 0, 0,
	0)
EARLY(ssize_t, preadv2, (int fd, const struct iovec *iov, int count, long at, int flags),
	SYS_preadv2, fd, iov, count, at, at < 0 ? -1 : 0, flags)
EARLY(ssize_t, preadv64v2, (int fd, const struct iovec *iov, int count, off_t at, int flags),
	SYS_preadv2, fd, iov, count, at, at >> 32, flags)
EARLY(ssize_t, splice, (int in, off_t *in_at, int out, off_t *out_at, size_t len, unsigned flags),
	SYS_splice, in, in_at, out, out_at, len, flags)
EARLY(ssize_t, sendfile, (int out, int in, void *at, size_t len), SYS_sendfile, out, in, at, len, 0,
	0)
EARLY(ssize_t, sendfile64, (int out, int in, void *at, size_t len), SYS_sendfile64, out, in, at,
	len, 0, 0)
EARLY(ssize_t, recv, (int fd, void *buf, size_t len, int flags), SYS_recvfrom, fd, buf, len, flags,
	0, 0)
EARLY(ssize_t, recvfrom, (int fd, void *buf, size_t len, int flags, void *addr, socklen_t *alen),
	SYS_recvfrom, fd, buf, len, flags, addr, alen)
EARLY(ssize_t, recvmsg, (int fd, struct msghdr *msg, int flags), SYS_recvmsg, fd, msg, flags, 0, 0,
	0)
EARLY(int, recvmmsg,
	(int fd, struct mmsghdr *msgs, unsigned count, int flags, struct timespec *timeout),
	SYS_recvmmsg, fd, msgs, count, flags, timeout, 0)
EARLY(ssize_t, write, (int fd, const void *buf, size_t len), SYS_write, fd, buf, len, 0, 0, 0)
EARLY(ssize_t, writev, (int fd, const struct iovec *iov, int count), SYS_writev, fd, iov, count, 0,
	0, 0)
EARLY(ssize_t, send, (int fd, const void *buf, size_t len, int flags), SYS_sendto, fd, buf, len,
	flags, 0, 0)
EARLY(ssize_t, sendto,
	(int fd, const void *buf, size_t len, int flags, const void *addr, socklen_t alen),
	SYS_sendto, fd, buf, len, flags, addr, alen)
EARLY(ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags), SYS_sendmsg, fd, msg, flags,
	0, 0, 0)
EARLY(int, sendmmsg, (int fd, struct mmsghdr *msgs, unsigned count, int flags), SYS_sendmmsg, fd,
	msgs, count, flags, 0, 0)
EARLY(int, socket, (int domain, int type, int protocol), SYS_socket, domain, type, protocol, 0, 0,
	0)
EARLY(int, listen, (int fd, int backlog), SYS_listen, fd, backlog, 0, 0, 0, 0)
EARLY(int, accept, (int fd, void *addr, socklen_t *len), SYS_accept4, fd, addr, len, 0, 0, 0)
EARLY(int, accept4, (int fd, void *addr, socklen_t *len, int flags), SYS_accept4, fd, addr, len,
	flags, 0, 0)
EARLY(int, connect, (int fd, const void *addr, socklen_t len), SYS_connect, fd, addr, len, 0, 0, 0)
EARLY(int, prctl, (int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d),
	SYS_prctl, option, a, b, c, d, 0)
EARLY(int, seccomp, (unsigned operation, unsigned flags, void *args), SYS_seccomp, operation, flags,
	args, 0, 0, 0)
EARLY(int, pidfd_getfd, (int pidfd, int fd, unsigned flags), SYS_pidfd_getfd, pidfd, fd, flags, 0,
	0, 0)
EARLY(int, pipe2, (int fds[2], int flags), SYS_pipe2, fds, flags, 0, 0, 0, 0)
EARLY(long, syscall, (long number, long a, long b, long c, long d, long e, long f), number, a, b, c,
	d, e, f)

EARLY(int, execve, (const char *path, char *const argv[], char *const envp[]), SYS_execve, path,
	argv, envp, 0, 0, 0)
EARLY(int, execveat, (int dir, const char *path, char *const argv[], char *const envp[], int flags),
	SYS_execveat, dir, path, argv, envp, flags, 0)

EARLY(int, open, (const char *path, int flags, mode_t mode), SYS_openat, AT_FDCWD, path, flags,
	mode, 0, 0)
EARLY(int, open64, (const char *path, int flags, mode_t mode), SYS_openat, AT_FDCWD, path, flags,
	mode, 0, 0)
EARLY(int, openat64, (int dir, const char *path, int flags, mode_t mode), SYS_openat, dir, path,
	flags, mode, 0, 0)
EARLY(int, openat, (int dir, const char *path, int flags, mode_t mode), SYS_openat, dir, path,
	flags, mode, 0, 0)
EARLY(int, creat, (const char *path, mode_t mode), SYS_openat, AT_FDCWD, path,
	O_CREAT | O_WRONLY | O_TRUNC, mode, 0, 0)
EARLY(int, memfd_create, (const char *name, unsigned flags), SYS_memfd_create, name, flags, 0, 0, 0,
	0)
EARLY(int, epoll_create1, (int flags), SYS_epoll_create1, flags, 0, 0, 0, 0, 0)
EARLY(int, eventfd, (unsigned count, int flags), SYS_eventfd2, count, flags, 0, 0, 0, 0)
EARLY(int, timerfd_create, (int clock, int flags), SYS_timerfd_create, clock, flags, 0, 0, 0, 0)
EARLY(int, signalfd, (int fd, const void *mask, int flags), SYS_signalfd4, fd, mask, 8, flags, 0, 0)
EARLY(int, inotify_init, (void), SYS_inotify_init1, 0, 0, 0, 0, 0, 0)
EARLY(int, inotify_init1, (int flags), SYS_inotify_init1, flags, 0, 0, 0, 0, 0)
EARLY(int, pipe, (int fds[2]), SYS_pipe2, fds, 0, 0, 0, 0, 0)
EARLY(int, socketpair, (int domain, int type, int protocol, int fds[2]), SYS_socketpair, domain,
	type, protocol, fds, 0, 0)
EARLY(int, epoll_ctl, (int ep, int op, int fd, void *event), SYS_epoll_ctl, ep, op, fd, event, 0, 0)
EARLY(int, capset, (void *header, const void *data), SYS_capset, header, data, 0, 0, 0, 0)
EARLY(int, setns, (int fd, int type), SYS_setns, fd, type, 0, 0, 0, 0)
EARLY(int, chroot, (const char *path), SYS_chroot, path, 0, 0, 0, 0, 0)
EARLY(int, setrlimit, (int resource, const void *limit), SYS_prlimit64, 0, resource, limit, 0, 0, 0)
EARLY(int, setrlimit64, (int resource, const void *limit), SYS_prlimit64, 0, resource, limit, 0, 0,
	0)
EARLY(int, prlimit, (pid_t pid, int resource, const void *limit, void *old), SYS_prlimit64, pid,
	resource, limit, old, 0, 0)
EARLY(int, prlimit64, (pid_t pid, int resource, const void *limit, void *old), SYS_prlimit64, pid,
	resource, limit, old, 0, 0)

static void early__exit(int status)
{
	sys1(SYS_exit_group, status);
}

static void early__Exit(int status)
{
	sys1(SYS_exit_group, status);
}

static void early_quick_exit(int status)
{
	void (*f)(int) = (void (*)(int))late("quick_exit");

	if (f)
		f(status);
	sys1(SYS_exit_group, status);
}

static void early_pthread_exit(void *value)
{
	void (*f)(void *) = (void (*)(void *))late("pthread_exit");

	if (f)
		f(value);
	sys1(SYS_exit, 0);
}

static void early_closefrom(int first)
{
	sys3(SYS_close_range, first < 0 ? 0 : first, ~0U, 0);
}

static int early_dup2(int fd, int target)
{
	if (fd == target)
		return answer(sys2(SYS_fcntl, fd, 1 /* F_GETFD */)) < 0 ? -1 : fd;
	return early_dup3(fd, target, 0);
}

extern void __chk_fail(void) __attribute__((noreturn, weak)); /* as the rows that call it */

static ssize_t early___read_chk(int fd, void *buf, size_t len, size_t size)
{
	if (len > size)
		__chk_fail();
	return early_read(fd, buf, len);
}

static ssize_t early___recv_chk(int fd, void *buf, size_t len, size_t size, int flags)
{
	if (len > size)
		__chk_fail();
	return early_recv(fd, buf, len, flags);
}

static ssize_t early___recvfrom_chk(
	int fd, void *buf, size_t len, size_t size, int flags, void *addr, socklen_t *alen)
{
	if (len > size)
		__chk_fail();
	return early_recvfrom(fd, buf, len, flags, addr, alen);
}

#define LATE(ret, name, params, args, failed) \
	static ret early_##name params \
	{ \
		ret(*f) params = (ret(*) params)late(#name); \
		return f ? f args : (ret)failed; \
	}

LATE(int, fclose, (FILE * stream), (stream), EOF)
LATE(FILE *, fdopen, (int fd, const char *mode), (fd, mode), NULL)
LATE(FILE *, freopen, (const char *path, const char *mode, FILE *stream), (path, mode, stream),
	NULL)
LATE(FILE *, freopen64, (const char *path, const char *mode, FILE *stream), (path, mode, stream),
	NULL)
LATE(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL)
LATE(FILE *, fopen64, (const char *path, const char *mode), (path, mode), NULL)
LATE(void *, opendir, (const char *path), (path), NULL)
LATE(int, posix_openpt, (int flags), (flags), -1)
LATE(int, mkstemp, (char *name), (name), -1)
LATE(int, mkostemp, (char *name, int flags), (name, flags), -1)
LATE(int, mkstemps, (char *name, int suffix), (name, suffix), -1)
LATE(int, mkostemps, (char *name, int suffix, int flags), (name, suffix, flags), -1)
LATE(FILE *, tmpfile, (void), (), NULL)
LATE(int, epoll_create, (int size), (size), -1)
LATE(int, __open_2, (const char *path, int flags), (path, flags), -1)
LATE(int, __open64_2, (const char *path, int flags), (path, flags), -1)
LATE(int, __openat_2, (int dir, const char *path, int flags), (dir, path, flags), -1)
LATE(int, __openat64_2, (int dir, const char *path, int flags), (dir, path, flags), -1)
LATE(int, setuid, (uid_t u), (u), -1)
LATE(int, setgid, (gid_t g), (g), -1)
LATE(int, seteuid, (uid_t u), (u), -1)
LATE(int, setegid, (gid_t g), (g), -1)
LATE(int, setreuid, (uid_t r, uid_t e), (r, e), -1)
LATE(int, setregid, (gid_t r, gid_t e), (r, e), -1)
LATE(int, setresuid, (uid_t r, uid_t e, uid_t s), (r, e, s), -1)
LATE(int, setresgid, (gid_t r, gid_t e, gid_t s), (r, e, s), -1)
LATE(int, setgroups, (size_t n, const gid_t *list), (n, list), -1)
LATE(int, initgroups, (const char *user, gid_t g), (user, g), -1)
LATE(int, dlclose, (void *handle), (handle), -1)
LATE(pid_t, fork, (void), (), -1)
LATE(pid_t, _Fork, (void), (), -1)
LATE(pid_t, vfork, (void), (), -1)
LATE(int, clone,
	(int (*fn)(void *), void *stack, int flags, void *arg, void *ptid, void *tls, void *ctid),
	(fn, stack, flags, arg, ptid, tls, ctid), -1)
LATE(int, posix_spawn,
	(pid_t * pid, const char *path, const void *actions, const void *attr, char *const argv[],
		char *const envp[]),
	(pid, path, actions, attr, argv, envp), ENOSYS)
LATE(int, posix_spawnp,
	(pid_t * pid, const char *file, const void *actions, const void *attr, char *const argv[],
		char *const envp[]),
	(pid, file, actions, attr, argv, envp), ENOSYS)
LATE(int, posix_spawn_file_actions_adddup2, (void *actions, int fd, int target),
	(actions, fd, target), ENOSYS)
LATE(int, system, (const char *command), (command), -1)
LATE(FILE *, popen, (const char *command, const char *type), (command, type), NULL)
LATE(int, wordexp, (const char *words, void *to, int flags), (words, to, flags), WRDE_NOSPACE)
LATE(int, execv, (const char *path, char *const argv[]), (path, argv), -1)
LATE(int, execvp, (const char *file, char *const argv[]), (file, argv), -1)
LATE(int, execvpe, (const char *file, char *const argv[], char *const envp[]), (file, argv, envp),
	-1)
LATE(int, fexecve, (int fd, char *const argv[], char *const envp[]), (fd, argv, envp), -1)
LATE(int, daemon, (int nochdir, int noclose), (nochdir, noclose), -1)
LATE(pid_t, forkpty, (int *master, char *name, const void *termios, const void *winsize),
	(master, name, termios, winsize), -1)

LATE(int, poll, (struct pollfd * fds, nfds_t n, int timeout), (fds, n, timeout), -1)
LATE(int, __poll_chk, (struct pollfd * fds, nfds_t n, int timeout, size_t size),
	(fds, n, timeout, size), -1)
LATE(int, ppoll,
	(struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask),
	(fds, n, timeout, mask), -1)
LATE(int, __ppoll_chk,
	(struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
		size_t size),
	(fds, n, timeout, mask, size), -1)
LATE(int, select, (int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout),
	(n, in, out, except, timeout), -1)
LATE(int, pselect,
	(int n, fd_set *in, fd_set *out, fd_set *except, const struct timespec *timeout,
		const sigset_t *mask),
	(n, in, out, except, timeout, mask), -1)
LATE(int, epoll_wait, (int ep, struct epoll_event *events, int most, int timeout),
	(ep, events, most, timeout), -1)
LATE(int, epoll_pwait,
	(int ep, struct epoll_event *events, int most, int timeout, const sigset_t *mask),
	(ep, events, most, timeout, mask), -1)
LATE(int, epoll_pwait2,
	(int ep, struct epoll_event *events, int most, const struct timespec *timeout,
		const sigset_t *mask),
	(ep, events, most, timeout, mask), -1)

/* Never called: the doors of the variadic ones hand on an array. */
static int early_execl(const char *path, const char *arg, ...)
{
	(void)path;
	(void)arg;
	return (int)answer(-ENOSYS);
}

/* Other names of the same functions. */
#define early___close	  early_close
#define early__IO_fclose  early_fclose
#define early___dup2	  early_dup2
#define early___fcntl	  early_fcntl
#define early_fcntl64	  early_fcntl
#define early___read	  early_read
#define early___recv	  early_recv
#define early___write	  early_write
#define early___send	  early_send
#define early___poll	  early_poll
#define early___select	  early_select
#define early___sendmmsg  early_sendmmsg
#define early___socket	  early_socket
#define early___connect	  early_connect
#define early_creat64	  early_creat
#define early_mkstemp64	  early_mkstemp
#define early_mkostemp64  early_mkostemp
#define early_mkstemps64  early_mkstemps
#define early_mkostemps64 early_mkostemps
#define early_tmpfile64	  early_tmpfile
#define early_execlp	  early_execl
#define early_execle	  early_execl
#define early___fork	  early_fork
#define early___vfork	  early_vfork
#define early___clone	  early_clone
#define early__IO_popen	  early_popen
#define early__IO_fdopen  early_fdopen

#define HOOK(ret, name, params, need) HOT_DATA ret(*libc_##name) params = early_##name;
#include "../hooks.def"
#undef HOOK

enum need { OPTIONAL, REQUIRED };

const char *libc_resolve(void)
{
	const char *missing = NULL;
	void *f;

#define HOOK(ret, name, params, need) \
	f = dlsym(RTLD_NEXT, #name); \
	if (f) \
		memcpy(&libc_##name, &f, sizeof(f)); \
	else if (need == REQUIRED) \
		missing = #name;
#include "../hooks.def"
#undef HOOK
	return missing;
}

int libc_stream_fd(FILE *stream)
{
	int saved = errno;
	int fd = stream ? fileno_unlocked(stream) : -1;

	errno = saved;
	return fd;
}

bool libc_stream_pending(FILE *stream)
{
	return __fpending(stream) > 0;
}

int libc_stream_flush(FILE *stream)
{
	return fflush(stream);
}

bool libc_stream_try_flush(FILE *stream)
{
	bool empty;

	if (ftrylockfile(stream) != 0)
		return false;
	if (__fpending(stream) > 0)
		fflush_unlocked(stream);
	empty = __fpending(stream) == 0;
	funlockfile(stream);
	return empty;
}
