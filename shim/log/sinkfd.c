/* SPDX-License-Identifier: MIT */
#include "sinkfd.h"

#include "../base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif
#define RWF_NOSIGNAL_ 0x00000100 /* Linux 6.18 */

#define SIGPIPE_BIT (UINT64_C(1) << (SIGPIPE - 1))
#define SIGXFSZ_BIT (UINT64_C(1) << (SIGXFSZ - 1))

bool sinkfd_is_open(int fd)
{
	return sys2(SYS_fcntl, fd, F_GETFD) >= 0;
}

bool sinkfd_is_unix(int fd)
{
	int domain = 0;
	socklen_t len = sizeof(domain);

	return sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
		domain == AF_UNIX;
}

bool sinkfd_is_deleted(int fd)
{
	struct stat st;

	return sys4(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH) == 0 && S_ISREG(st.st_mode) &&
		st.st_nlink == 0;
}

static bool room(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	struct timespec now = {0};

	return sys5(SYS_ppoll, &p, 1, &now, 0, 0) == 1 && (p.revents & POLLOUT);
}

/*
 * SIGPIPE on kernels that cannot suppress it at the call, SIGXFSZ at the file size limit: blocked in
 * this thread, and the one that this write has raised is taken back, unless it was pending before.
 */
static long write_shielded(int fd, const char *buf, size_t len)
{
	uint64_t block = SIGPIPE_BIT | SIGXFSZ_BIT, old = 0, pending = 0;
	struct timespec now = {0};
	long n;

	sys2(SYS_rt_sigpending, &pending, sizeof(pending));
	sys4(SYS_rt_sigprocmask, SIG_BLOCK, &block, &old, sizeof(old));
	n = sys3(SYS_write, fd, buf, len);
	if (n == -EPIPE)
		block = SIGPIPE_BIT & ~pending;
	else if (n == -EFBIG)
		block = SIGXFSZ_BIT & ~pending;
	else
		block = 0;
	if (block)
		sys4(SYS_rt_sigtimedwait, &block, 0, &now, sizeof(block));
	sys4(SYS_rt_sigprocmask, SIG_SETMASK, &old, 0, sizeof(old));
	return n;
}

/* A pipe that polls writable takes PIPE_BUF bytes without blocking. */
static long write_polled(int fd, const char *buf, size_t len)
{
	if (!room(fd))
		return -EAGAIN;
	return write_shielded(fd, buf, len < PIPE_BUF ? len : PIPE_BUF);
}

static bool size_limited(void)
{
	struct rlimit lim = {0};

	sys4(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, &lim);
	return lim.rlim_cur != RLIM_INFINITY;
}

static long write_some(int fd, mode_t mode, const char *buf, size_t len)
{
	struct iovec iov = {(void *)buf, len};
	long n;

	if (S_ISREG(mode))
		return size_limited() ? write_shielded(fd, buf, len)
				      : sys3(SYS_write, fd, buf, len);
	if (S_ISSOCK(mode))
		return sys6(
			SYS_sendto, fd, (long)buf, (long)len, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
	n = sys6(SYS_pwritev2, fd, (long)&iov, 1, -1, -1, RWF_NOWAIT | RWF_NOSIGNAL_);
	if (n == -EOPNOTSUPP || n == -EINVAL || n == -ENOSYS || n == -ESPIPE)
		n = write_polled(fd, buf, len);
	return n;
}

bool sinkfd_write(int fd, mode_t mode, const char *buf, size_t len)
{
	static bool torn; /* the last line lacks its end: the next one must not grow on to it */
	unsigned tries = 64;
	long n;

	if (__atomic_load_n(&torn, __ATOMIC_RELAXED) && write_some(fd, mode, "\n", 1) == 1)
		__atomic_store_n(&torn, false, __ATOMIC_RELAXED);
	while (len > 0 && tries-- > 0) {
		n = write_some(fd, mode, buf, len);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			return false;
		buf += n;
		len -= (size_t)n;
		__atomic_store_n(&torn, len > 0, __ATOMIC_RELAXED);
	}
	return len == 0;
}

int sinkfd_connect(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = (int)sys3(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	long r;

	if (fd < 0)
		return fd;
	memcpy(un.sun_path, path, strlen(path));
	r = sys3(SYS_connect, fd, &un, sizeof(un));
	if (r == 0)
		return fd;
	sys1(SYS_close, fd);
	return (int)r;
}

long sinkfd_send(int fd, const char *buf, size_t len)
{
	long n;

	do
		n = sys6(SYS_sendto, fd, (long)buf, (long)len, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
	while (n == -EINTR);
	return n;
}

/* Above what select() users and close loops of small programs touch, within a small table. */
#define HIGH_FD 960

int sinkfd_move_high(int fd)
{
	struct {
		uint64_t soft, hard;
	} lim = {HIGH_FD * 2, 0};
	long high, min;

	sys4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &lim);
	min = lim.soft > HIGH_FD + 32 ? HIGH_FD : (long)(lim.soft - lim.soft / 8);
	high = sys3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, min);
	if (high < 0)
		return fd;
	sys1(SYS_close, fd);
	return (int)high;
}
