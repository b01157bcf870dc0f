/* SPDX-License-Identifier: MIT */
#include "calls.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Exported by glibc: what _FORTIFY_SOURCE makes of them, and what some libraries use. */
ssize_t __read(int fd, void *buf, size_t len);
ssize_t __read_chk(int fd, void *buf, size_t len, size_t size);
ssize_t __recv_chk(int fd, void *buf, size_t len, size_t size, int flags);
ssize_t __recvfrom_chk(
	int fd, void *buf, size_t len, size_t size, int flags, struct sockaddr *at, socklen_t *n);
ssize_t __write(int fd, const void *buf, size_t len);
ssize_t __send(int fd, const void *buf, size_t len, int flags);

static char byte[1];
static struct iovec iov = {byte, 1};
static struct mmsghdr message = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};

/* SO_ERROR is read away: this is the call that is told. */
static int socket_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0)
		errno = error;
	return error ? -1 : 0;
}

#define CALLS(X) \
	X(read, read, read(fd, byte, 1)) \
	X(__read, read, __read(fd, byte, 1)) \
	X(__read_chk, read, __read_chk(fd, byte, 1, 1)) \
	X(readv, readv, readv(fd, &iov, 1)) \
	X(recv, recv, recv(fd, byte, 1, 0)) \
	X(__recv_chk, recv, __recv_chk(fd, byte, 1, 1, 0)) \
	X(recvfrom, recvfrom, recvfrom(fd, byte, 1, 0, NULL, NULL)) \
	X(__recvfrom_chk, recvfrom, __recvfrom_chk(fd, byte, 1, 1, 0, NULL, NULL)) \
	X(recvmsg, recvmsg, recvmsg(fd, &message.msg_hdr, 0)) \
	X(recvmmsg, recvmmsg, recvmmsg(fd, &message, 1, 0, NULL)) \
	X(write, write, write(fd, byte, 1)) \
	X(__write, write, __write(fd, byte, 1)) \
	X(writev, writev, writev(fd, &iov, 1)) \
	X(send, send, send(fd, byte, 1, MSG_NOSIGNAL)) \
	X(__send, send, __send(fd, byte, 1, MSG_NOSIGNAL)) \
	X(sendto, sendto, sendto(fd, byte, 1, MSG_NOSIGNAL, NULL, 0)) \
	X(sendmsg, sendmsg, sendmsg(fd, &message.msg_hdr, MSG_NOSIGNAL)) \
	X(sendmmsg, sendmmsg, sendmmsg(fd, &message, 1, MSG_NOSIGNAL)) \
	X(getsockopt, getsockopt, socket_error(fd))

#define X(name, op, call) \
	static bool fails_##name(int fd) \
	{ \
		return (call) == -1; \
	}
CALLS(X)
#undef X

#define X(name, op, call) {#name, #op, fails_##name},
const struct call calls[] = {CALLS(X)};
#undef X

const size_t calls_count = sizeof(calls) / sizeof(calls[0]);

const struct call *call_named(const char *name)
{
	for (size_t i = 0; i < calls_count; i++) {
		if (strcmp(calls[i].name, name) == 0)
			return &calls[i];
	}
	return NULL;
}
