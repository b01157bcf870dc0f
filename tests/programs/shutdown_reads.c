/* SPDX-License-Identifier: MIT */
/*
 * Every way to read from a connection whose reading side the program has shut. As shutdowns.c.
 * usage: shutdown_reads CASE
 */
#include "shutdowns.h"

#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static long by_read(int fd)
{
	return read(fd, buf, sizeof(buf));
}

static long by_readv(int fd)
{
	struct iovec iov = {buf, sizeof(buf)};

	return readv(fd, &iov, 1);
}

static long by_recv(int fd)
{
	return recv(fd, buf, sizeof(buf), 0);
}

static long by_peek(int fd)
{
	return recv(fd, buf, sizeof(buf), MSG_PEEK);
}

static long by_recvfrom(int fd)
{
	return recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, NULL, NULL);
}

static long by_recvmsg(int fd)
{
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return recvmsg(fd, &msg, 0);
}

static long by_recvmmsg(int fd)
{
	struct iovec iov = {buf, sizeof(buf)};
	struct mmsghdr msg = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	int n = recvmmsg(fd, &msg, 1, 0, NULL);

	return n == 1 ? (long)msg.msg_len : n;
}

static long by_syscall(int fd)
{
	return syscall(SYS_read, fd, buf, sizeof(buf));
}

static long by_preadv2(int fd)
{
	struct iovec iov = {buf, sizeof(buf)};

	return preadv2(fd, &iov, 1, -1, 0);
}

static long by_splice(int fd)
{
	int ends[2];
	long n;

	if (pipe(ends))
		err(1, "pipe");
	n = splice(fd, NULL, ends[1], NULL, sizeof(buf), SPLICE_F_NONBLOCK);
	close(ends[0]);
	close(ends[1]);
	return n;
}

static long by_syscall_preadv2(int fd)
{
	struct iovec iov = {buf, sizeof(buf)};

	return syscall(SYS_preadv2, fd, &iov, 1, -1L, -1L, 0L);
}

static long by_syscall_splice(int fd)
{
	int ends[2];
	long n;

	if (pipe(ends))
		err(1, "pipe");
	n = syscall(SYS_splice, fd, NULL, ends[1], NULL, sizeof(buf), SPLICE_F_NONBLOCK);
	close(ends[0]);
	close(ends[1]);
	return n;
}

static long by_syscall_readv(int fd)
{
	struct iovec iov = {buf, sizeof(buf)};

	return syscall(SYS_readv, fd, &iov, 1);
}

static long by_syscall_recvfrom(int fd)
{
	return syscall(SYS_recvfrom, fd, buf, sizeof(buf), 0, NULL, NULL);
}

static long by_syscall_recvmsg(int fd)
{
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return syscall(SYS_recvmsg, fd, &msg, 0);
}

/* The kernel's own asynchronous reads. */
static long by_aio(int fd)
{
	struct iocb cb = {.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)fd,
		.aio_buf = (uintptr_t)buf,
		.aio_nbytes = sizeof(buf)};
	struct iocb *list = &cb;
	aio_context_t context = 0;
	struct io_event done = {0};

	if (syscall(SYS_io_setup, 1, &context) || syscall(SYS_io_submit, context, 1, &list) != 1 ||
		syscall(SYS_io_getevents, context, 1, 1, &done, NULL) != 1)
		return -1;
	syscall(SYS_io_destroy, context);
	if ((long)done.res < 0)
		errno = (int)-(long)done.res;
	return (long)done.res;
}

static void reads(char **args)
{
	static const struct {
		const char *name;
		long (*read)(int fd);
	} ways[] = {{"read", by_read}, {"readv", by_readv}, {"recv", by_recv}, {"peek", by_peek},
		{"recvfrom", by_recvfrom}, {"recvmsg", by_recvmsg}, {"recvmmsg", by_recvmmsg},
		{"syscall", by_syscall}, {"preadv2", by_preadv2}, {"splice", by_splice},
		{"preadv2 by syscall", by_syscall_preadv2},
		{"splice by syscall", by_syscall_splice}, {"readv by syscall", by_syscall_readv},
		{"recvfrom by syscall", by_syscall_recvfrom},
		{"recvmsg by syscall", by_syscall_recvmsg}, {"aio", by_aio}};
	int fds[2], how;

	(void)args;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		for (how = SHUT_RD; how <= SHUT_RDWR; how += SHUT_RDWR - SHUT_RD) {
			shut_pair(fds, how);
			say(ways[i].name, ways[i].read(fds[0]));
			quick_pair(fds);
			leave_unread(fds);
			shutdown(fds[0], how);
			say(ways[i].name, ways[i].read(fds[0]));
			say("then read", read(fds[0], buf, sizeof(buf)));
		}
	}
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {{"reads", reads}};

	(void)argc;
	return attack(argv, table, sizeof(table) / sizeof(table[0]));
}
