/* SPDX-License-Identifier: MIT */
#include "victims.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#ifdef SYS_mmap2 /* i386, where SYS_mmap takes a structure */
#undef SYS_mmap
#define SYS_mmap SYS_mmap2
#endif

/* What a program can see of a call: its result, errno, cancellation, interruption. */

#define MARK 77 /* an errno that no call here sets */

/* The call gives `value`, and errno is as it was before. */
#define KEEPS(args, call, value) \
	do { \
		errno = MARK; \
		NEED(args, (call) == (value)); \
		NEED(args, errno == MARK); \
	} while (0)

#define FAILS(args, call, error) \
	do { \
		errno = MARK; \
		NEED(args, (call) == -1); \
		NEED(args, errno == (error)); \
	} while (0)

static int reads_keep_errno(const struct victim_args *args, int fd)
{
	char buf[10];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct mmsghdr many = {.msg_hdr = msg};

	KEEPS(args, read(fd, buf, 10), 10);
	KEEPS(args, readv(fd, &iov, 1), 10);
	KEEPS(args, recv(fd, buf, 10, 0), 10);
	KEEPS(args, recvfrom(fd, buf, 10, MSG_PEEK, NULL, NULL), 10);
	KEEPS(args, recvmsg(fd, &msg, 0), 10);
	KEEPS(args, recvmmsg(fd, &many, 1, 0, NULL), 1);
	KEEPS(args, recv(fd, NULL, 10, MSG_TRUNC), 10);
	return 0;
}

static int writes_keep_errno(const struct victim_args *args, int fd)
{
	char buf[10] = "";
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct mmsghdr many = {.msg_hdr = msg};

	KEEPS(args, write(fd, buf, 10), 10);
	KEEPS(args, writev(fd, &iov, 1), 10);
	KEEPS(args, send(fd, buf, 10, 0), 10);
	KEEPS(args, sendto(fd, buf, 10, 0, NULL, 0), 10);
	KEEPS(args, sendmsg(fd, &msg, 0), 10);
	KEEPS(args, sendmmsg(fd, &many, 1, 0), 1);
	args->stage->sent += 60;
	return 0;
}

static int errno_is_kept(const struct victim_args *args)
{
	struct linger linger = {0};
	socklen_t len = sizeof(linger);
	int fd = act_serve(args);

	NEED(args, fd >= 0 && act_await_unread(fd, ACT_REQUEST));
	if (reads_keep_errno(args, fd) || writes_keep_errno(args, fd))
		return 1;
	KEEPS(args, getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len), 0);
	KEEPS(args, setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, len), 0);
	NEED(args, act_await_acknowledged(fd));
	errno = MARK;
	NEED(args, act_pass(args, fd) && errno == MARK);
	return 0;
}

static int errno_is_kept_beside_a_duplicate(const struct victim_args *args)
{
	int fd = act_serve(args), other;

	NEED(args, fd >= 0 && act_await_unread(fd, ACT_REQUEST));
	errno = MARK;
	other = dup(fd);
	NEED(args, other >= 0 && errno == MARK);
	NEED(args, act_pass(args, other) && errno == MARK);
	NEED(args, act_read(fd, ACT_REQUEST));
	KEEPS(args, close(fd), 0);
	return 0;
}

static int bad_descriptors_fail(const struct victim_args *args)
{
	char byte = 0;

	FAILS(args, close(-1), EBADF);
	FAILS(args, close(1 << 20), EBADF);
	FAILS(args, read(-1, &byte, 1), EBADF);
	FAILS(args, write(-1, &byte, 1), EBADF);
	FAILS(args, recv(-1, &byte, 1, 0), EBADF);
	FAILS(args, send(-1, &byte, 1, 0), EBADF);
	FAILS(args, shutdown(-1, SHUT_RDWR), EBADF);
	FAILS(args, setsockopt(-1, SOL_SOCKET, SO_LINGER, &byte, 1), EBADF);
	FAILS(args, accept(-1, NULL, NULL), EBADF);
	FAILS(args, dup2(-1, 5), EBADF);
	FAILS(args, dup3(-1, 5, 0), EBADF);
	FAILS(args, dup(-1), EBADF);
	FAILS(args, syscall(SYS_close, -1), EBADF);
	FAILS(args, syscall(-1), ENOSYS);
	return 0;
}

static int sockets_fail_as_ever(const struct victim_args *args)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), null = open("/dev/null", O_RDWR);
	char byte = 0;

	NEED(args, fd >= 0 && null >= 0);
	FAILS(args, recv(null, &byte, 1, 0), ENOTSOCK);
	FAILS(args, shutdown(null, SHUT_WR), ENOTSOCK);
	FAILS(args, recv(fd, &byte, 1, 0), ENOTCONN);
	FAILS(args, send(fd, &byte, 1, MSG_NOSIGNAL), EPIPE);
	FAILS(args, shutdown(fd, SHUT_RDWR), ENOTCONN);
	FAILS(args, shutdown(fd, 9), EINVAL);
	FAILS(args, setsockopt(fd, SOL_SOCKET, SO_LINGER, &byte, 1), EINVAL);
	FAILS(args, setsockopt(fd, SOL_SOCKET, SO_LINGER, NULL, 8), EFAULT);
	FAILS(args, dup3(fd, fd, 0), EINVAL);
	FAILS(args, dup2(-1, fd), EBADF);
	NEED(args, dup2(fd, fd) == fd);
	NEED(args, fcntl(fd, F_GETFD) == 0);
	NEED(args, close(fd) == 0);
	FAILS(args, close(fd), EBADF);
	return 0;
}

/* All six arguments of a system call that the shim does not know arrive. */
static int syscall_takes_six_arguments(const struct victim_args *args)
{
	long page = syscall(
		SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(args, page != -1);
	NEED(args, syscall(SYS_munmap, page, 4096) == 0);
	FAILS(args, syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
	return 0;
}

static int results_are_the_kernels(const struct victim_args *args)
{
	int pair[2];
	char byte;

	NEED(args, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	FAILS(args, read(pair[0], &byte, 1), EAGAIN);
	NEED(args, close(pair[1]) == 0);
	NEED(args, read(pair[0], &byte, 1) == 0);
	FAILS(args, send(pair[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	if (bad_descriptors_fail(args) || sockets_fail_as_ever(args))
		return 1;
	return syscall_takes_six_arguments(args);
}

struct reader {
	int fd;
	_Atomic int reading;
};

static void *read_for_ever(void *arg)
{
	struct reader *r = arg;
	char byte;

	r->reading = 1;
	read(r->fd, &byte, 1);
	return NULL;
}

static int cancellation_reaches_a_read(const struct victim_args *args)
{
	struct reader r = {0};
	pthread_t thread;
	void *result;
	int pair[2];

	NEED(args, socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	r.fd = pair[0];
	NEED(args, pthread_create(&thread, NULL, read_for_ever, &r) == 0);
	NEED(args, stage_await(&r.reading, 1, STAGE_PATIENCE_MS));
	NEED(args, pthread_cancel(thread) == 0);
	NEED(args, pthread_join(thread, &result) == 0);
	NEED(args, result == PTHREAD_CANCELED);
	return 0;
}

static void ignore(int signal)
{
	(void)signal;
}

static int a_signal_interrupts_a_read(const struct victim_args *args)
{
	/* Repeated: the first may come before the read does. */
	struct itimerval soon = {.it_value.tv_usec = 10000, .it_interval.tv_usec = 10000};
	struct itimerval never = {0};
	struct sigaction action = {.sa_handler = ignore};
	int pair[2];
	char byte;

	NEED(args, socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	NEED(args, sigaction(SIGALRM, &action, NULL) == 0);
	NEED(args, setitimer(ITIMER_REAL, &soon, NULL) == 0);
	FAILS(args, read(pair[0], &byte, 1), EINTR);
	NEED(args, setitimer(ITIMER_REAL, &never, NULL) == 0);
	return 0;
}

const struct victim victims_law[] = {
	{"errno_is_kept", errno_is_kept},
	{"errno_is_kept_beside_a_duplicate", errno_is_kept_beside_a_duplicate},
	{"results_are_the_kernels", results_are_the_kernels},
	{"cancellation_reaches_a_read", cancellation_reaches_a_read},
	{"a_signal_interrupts_a_read", a_signal_interrupts_a_read},
	{NULL, NULL},
};
