/* SPDX-License-Identifier: MIT */
#include "acting.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define ROOM 32768

static unsigned char buffer[ROOM];

/* By way of a pipe, whose numbers are the lowest that are free. */
static ssize_t read_by_splice(int fd, size_t len)
{
	int fds[2];
	ssize_t n;

	if (pipe(fds) != 0)
		return -1;
	n = splice(fd, NULL, fds[1], NULL, len, SPLICE_F_NONBLOCK);
	if (n > 0)
		n = read(fds[0], buffer, len);
	close(fds[0]);
	close(fds[1]);
	return n;
}

static ssize_t read_by(struct acting *a, int fd, size_t len, int flags)
{
	struct iovec iov[2] = {{buffer, len / 2}, {buffer + len / 2, len - len / 2}};
	struct mmsghdr many = {.msg_hdr = {.msg_iov = iov, .msg_iovlen = 2}};

	switch (acting_value(a, 1)) {
	case 1:
		return recv(fd, buffer, len, flags);
	case 2:
		return recvfrom(fd, buffer, len, flags, NULL, NULL);
	case 3:
		return recvmsg(fd, &many.msg_hdr, flags);
	case 4:
		return readv(fd, iov, 2);
	case 5:
		return recvmmsg(fd, &many, 1, flags, NULL) == 1 ? (ssize_t)many.msg_len : -1;
	case 6:
		return read_by_splice(fd, len);
	case 7:
		return preadv2(fd, iov, 2, -1, 0);
	case 8:
		return syscall(SYS_recvfrom, fd, buffer, len, flags, NULL, NULL);
	default:
		return read(fd, buffer, len);
	}
}

static int read_some(struct acting *a)
{
	int fd = acting_fd(a, 0), flags = acting_value(a, 3);
	ssize_t n;

	if (!acting_ready(fd, POLLIN))
		return ACTING_WOULD_WAIT;
	n = read_by(a, fd, (size_t)a->s->arg[2], flags);
	if (n > 0 && n <= ROOM && !(flags & MSG_TRUNC))
		a->o->sum = lockstep_sum(SUM_START, buffer, (size_t)n);
	return (int)n;
}

/* Every byte is told from the one before: what is lost or doubled shows at the peer. */
static size_t prepare(struct acting *a, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buffer[i] = (unsigned char)(a->l->written + i);
	a->l->written += (uint32_t)len;
	return len;
}

static ssize_t write_by(struct acting *a, int fd, size_t len, int flags)
{
	struct iovec iov[2] = {{buffer, len / 2}, {buffer + len / 2, len - len / 2}};
	struct mmsghdr many = {.msg_hdr = {.msg_iov = iov, .msg_iovlen = 2}};

	switch (acting_value(a, 1)) {
	case 1:
		return send(fd, buffer, len, flags);
	case 2:
		return sendto(fd, buffer, len, flags, NULL, 0);
	case 3:
		return sendmsg(fd, &many.msg_hdr, flags);
	case 4:
		return writev(fd, iov, 2);
	case 5:
		return sendmmsg(fd, &many, 1, flags) == 1 ? (ssize_t)many.msg_len : -1;
	default:
		return write(fd, buffer, len);
	}
}

static int write_some(struct acting *a)
{
	int fd = acting_fd(a, 0);

	if (!acting_ready(fd, POLLOUT))
		return ACTING_WOULD_WAIT;
	return (int)write_by(a, fd, prepare(a, (size_t)a->s->arg[2]), acting_value(a, 3));
}

static int send_fd(struct acting *a)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec iov = {buffer, prepare(a, 1)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.room)};
	int fd = acting_fd(a, 1);

	if (!acting_ready(acting_fd(a, 0), POLLOUT))
		return ACTING_WOULD_WAIT;
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return (int)sendmsg(acting_fd(a, 0), &msg, MSG_NOSIGNAL);
}

static int recv_fd(struct acting *a)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {buffer, 1};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.room)};
	int fd = -1, n = (int)recvmsg(acting_fd(a, 1), &msg, MSG_DONTWAIT);

	if (n <= 0)
		return n;
	if (msg.msg_controllen >= sizeof(control.header) && CMSG_FIRSTHDR(&msg) &&
		control.header.cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return acting_put(a, 0, fd);
}

static int use_stream(struct acting *a)
{
	int mode = acting_value(a, 1), r;
	FILE *f;

	if (!acting_ready(acting_fd(a, 0), mode == 1 ? POLLIN : POLLOUT))
		return ACTING_WOULD_WAIT;
	f = fdopen(acting_fd(a, 0), mode == 1 ? "r" : "w");
	if (!f)
		return -1;
	if (mode == 1) {
		size_t n = fread(buffer, 1, (size_t)a->s->arg[2], f);

		a->o->sum = lockstep_sum(SUM_START, buffer, n);
	} else {
		a->o->sum = (uint32_t)fwrite(buffer, 1, prepare(a, (size_t)a->s->arg[2]), f);
	}
	if (mode == 2 && !(f = freopen("/dev/null", "w", f)))
		return -1;
	r = fclose(f);
	return r;
}

bool acting_transfer(struct acting *a)
{
	switch (a->s->call) {
	case CALL_READ:
		a->o->ret = read_some(a);
		break;
	case CALL_WRITE:
		a->o->ret = write_some(a);
		break;
	case CALL_SEND_FD:
		a->o->ret = send_fd(a);
		break;
	case CALL_RECV_FD:
		a->o->ret = recv_fd(a);
		break;
	case CALL_STREAM:
		a->o->ret = use_stream(a);
		break;
	default:
		return false;
	}
	return true;
}
