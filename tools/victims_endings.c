/* SPDX-License-Identifier: MIT */
#include "victims.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Clean ends of a connection, told apart by how the program has read, written and waited before. */

static int serve_waiting_request(const struct victim_args *args, int *fd)
{
	*fd = act_serve(args);
	NEED(args, *fd >= 0);
	NEED(args, act_await_unread(*fd, ACT_REQUEST));
	return 0;
}

/* --- reading --- */

static int read_by_recvmmsg(const struct victim_args *args)
{
	char buf[ACT_REQUEST];
	struct iovec iov = {buf, sizeof(buf)};
	struct mmsghdr msg = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	int fd;

	if (serve_waiting_request(args, &fd))
		return 1;
	NEED(args, recvmmsg(fd, &msg, 1, 0, NULL) == 1 && msg.msg_len == ACT_REQUEST);
	return act_answer_and_close(args, fd);
}

static int read_by_readv_to_eof(const struct victim_args *args)
{
	char head[10], rest[ACT_REQUEST];
	struct iovec iov[] = {{head, sizeof(head)}, {rest, sizeof(rest)}};
	int fd;

	if (serve_waiting_request(args, &fd))
		return 1;
	NEED(args, readv(fd, iov, 2) == ACT_REQUEST);
	NEED(args, readv(fd, iov, 2) == 0);
	return act_answer_and_close(args, fd);
}

static int peeked_then_read(const struct victim_args *args)
{
	char buf[ACT_REQUEST];
	int fd;

	if (serve_waiting_request(args, &fd))
		return 1;
	NEED(args, recv(fd, buf, sizeof(buf), MSG_PEEK) == ACT_REQUEST);
	NEED(args, act_read(fd, ACT_REQUEST));
	return act_answer_and_close(args, fd);
}

static int thrown_away_by_msg_trunc(const struct victim_args *args)
{
	int fd;

	if (serve_waiting_request(args, &fd))
		return 1;
	NEED(args, recv(fd, NULL, 2L * ACT_REQUEST, MSG_TRUNC) == ACT_REQUEST);
	return act_answer_and_close(args, fd);
}

static int read_in_parts(const struct victim_args *args)
{
	int fd;

	if (serve_waiting_request(args, &fd))
		return 1;
	NEED(args, act_read(fd, 1));
	NEED(args, act_read(fd, ACT_REQUEST - 2));
	NEED(args, act_await_unread(fd, 1));
	NEED(args, act_read(fd, 1));
	NEED(args, act_await_unread(fd, 0));
	return act_answer_and_close(args, fd);
}

static int read_below_the_low_water_mark(const struct victim_args *args)
{
	char buf[2 * ACT_REQUEST];
	int fd, water = sizeof(buf);

	if (serve_waiting_request(args, &fd))
		return 1;
	NEED(args, setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &water, sizeof(water)) == 0);
	NEED(args, recv(fd, buf, sizeof(buf), MSG_DONTWAIT) == ACT_REQUEST);
	return act_answer_and_close(args, fd);
}

/* MSG_OOB leaves the byte in the queue; a read steps over it. */
static int urgent_byte_stepped_over(const struct victim_args *args)
{
	int fd = act_serve(args);
	struct pollfd urgent = {.fd = fd, .events = POLLPRI};
	char byte;

	NEED(args, fd >= 0);
	NEED(args, poll(&urgent, 1, STAGE_PATIENCE_MS) == 1);
	NEED(args, recv(fd, &byte, 1, MSG_OOB) == 1);
	NEED(args, recv(fd, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	return act_answer_and_close(args, fd);
}

static int urgent_byte_in_line(const struct victim_args *args)
{
	int listener = act_listen(args), fd, on = 1;

	NEED(args, listener >= 0);
	NEED(args, setsockopt(listener, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)) == 0);
	fd = act_accept(args, listener);
	NEED(args, fd >= 0);
	NEED(args, act_read(fd, 1));
	return act_answer_and_close(args, fd);
}

/* --- streams --- */

/* Closes it in any case; `right`: all was well before. */
static int end_by_fclose(const struct victim_args *args, FILE *stream, bool right)
{
	bool closed;

	args->stage->step = STEP_READY;
	closed = fclose(stream) == 0;
	args->stage->step = STEP_CLOSED;
	NEED(args, right && closed);
	return 0;
}

static int stream_read_to_eof(const struct victim_args *args)
{
	char buf[2 * ACT_REQUEST];
	FILE *stream;
	bool right;
	int fd;

	if (serve_waiting_request(args, &fd))
		return 1;
	stream = fdopen(fd, "r");
	NEED(args, stream);
	right = fread(buf, 1, sizeof(buf), stream) == ACT_REQUEST && feof(stream) &&
		act_write(args, fd, ACT_SHORT);
	return end_by_fclose(args, stream, right);
}

/* What the program has not taken is in stdio's buffer: the socket's queue is empty. */
static int stream_read_in_part(const struct victim_args *args)
{
	char buf[10];
	FILE *stream;
	int fd;

	if (serve_waiting_request(args, &fd))
		return 1;
	stream = fdopen(fd, "r");
	NEED(args, stream);
	return end_by_fclose(args, stream, fread(buf, 1, sizeof(buf), stream) == sizeof(buf));
}

/* glibc's flushes and closes no descriptor. */
static int fcloseall_leaves_it_open(const struct victim_args *args)
{
	FILE *stream;
	bool right;
	int fd;

	if (serve_waiting_request(args, &fd))
		return 1;
	stream = fdopen(fd, "w");
	NEED(args, stream);
	right = fputs("first", stream) >= 0 && fcloseall() == 0 && act_read(fd, ACT_REQUEST);
	args->stage->sent += 5;
	right = right && act_write(args, fd, ACT_SHORT);
	return end_by_fclose(args, stream, right);
}

/* --- writing --- */

static int serve_request(const struct victim_args *args, int *fd)
{
	*fd = act_serve(args);
	NEED(args, *fd >= 0);
	NEED(args, act_read(*fd, ACT_REQUEST));
	return 0;
}

static int answered_by_sendfile(const struct victim_args *args)
{
	int fd, file = memfd_create("answer", MFD_CLOEXEC);

	NEED(args, file >= 0 && ftruncate(file, ACT_SHORT) == 0);
	if (serve_request(args, &fd))
		return 1;
	NEED(args, sendfile(fd, file, NULL, ACT_SHORT) == ACT_SHORT);
	args->stage->sent += ACT_SHORT;
	NEED(args, act_pass(args, fd));
	return 0;
}

static int answered_by_splice(const struct victim_args *args)
{
	static const char bytes[4096];
	int fd, ends[2];

	NEED(args, pipe(ends) == 0);
	if (serve_request(args, &fd))
		return 1;
	NEED(args, write(ends[1], bytes, sizeof(bytes)) == sizeof(bytes));
	NEED(args, splice(ends[0], NULL, fd, NULL, sizeof(bytes), 0) == sizeof(bytes));
	args->stage->sent += sizeof(bytes);
	NEED(args, act_pass(args, fd));
	return 0;
}

/* The notices of completion stay in the error queue. */
static int answered_without_a_copy(const struct victim_args *args)
{
	static const char bytes[16384];
	int fd, on = 1;

	if (serve_request(args, &fd))
		return 1;
	NEED(args, setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) == 0);
	NEED(args, send(fd, bytes, sizeof(bytes), MSG_ZEROCOPY) == sizeof(bytes));
	args->stage->sent += sizeof(bytes);
	NEED(args, act_pass(args, fd));
	return 0;
}

static int answered_by_sendmmsg(const struct victim_args *args)
{
	static char bytes[1000];
	struct iovec iov = {bytes, sizeof(bytes)};
	struct mmsghdr msgs[2] = {{.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}},
		{.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}}};
	int fd;

	if (serve_request(args, &fd))
		return 1;
	NEED(args, sendmmsg(fd, msgs, 2, 0) == 2);
	args->stage->sent += 2 * sizeof(bytes);
	NEED(args, act_pass(args, fd));
	return 0;
}

static int answer_with_option(const struct victim_args *args, int level, int name)
{
	int fd, on = 1;

	if (serve_request(args, &fd))
		return 1;
	NEED(args, setsockopt(fd, level, name, &on, sizeof(on)) == 0);
	return act_answer_and_close(args, fd);
}

static int corked(const struct victim_args *args)
{
	return answer_with_option(args, IPPROTO_TCP, TCP_CORK);
}

static int without_delay(const struct victim_args *args)
{
	return answer_with_option(args, IPPROTO_TCP, TCP_NODELAY);
}

static int kept_alive(const struct victim_args *args)
{
	return answer_with_option(args, SOL_SOCKET, SO_KEEPALIVE);
}

/* Seconds to linger: close waits, and sends FIN. */
static int linger_of_five_seconds(const struct victim_args *args)
{
	struct linger soft = {.l_onoff = 1, .l_linger = 5};
	int fd;

	if (serve_request(args, &fd))
		return 1;
	NEED(args, setsockopt(fd, SOL_SOCKET, SO_LINGER, &soft, sizeof(soft)) == 0);
	return act_answer_and_close(args, fd);
}

/* --- waiting --- */

static int serve_by_epoll(const struct victim_args *args, uint32_t events)
{
	struct epoll_event ev = {.events = events};
	int ep = epoll_create1(EPOLL_CLOEXEC), fd = act_serve(args);

	NEED(args, ep >= 0 && fd >= 0);
	NEED(args, epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
	NEED(args, epoll_wait(ep, &ev, 1, STAGE_PATIENCE_MS) == 1);
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, act_write(args, fd, ACT_SHORT));
	NEED(args, act_pass(args, fd));
	NEED(args, epoll_wait(ep, &ev, 1, 0) == 0);
	return 0;
}

static int watched_by_epoll(const struct victim_args *args)
{
	return serve_by_epoll(args, EPOLLIN | EPOLLRDHUP);
}

static int watched_by_edge(const struct victim_args *args)
{
	return serve_by_epoll(args, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

static int told_by_sigio(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, signal(SIGIO, SIG_IGN) != SIG_ERR);
	NEED(args, fcntl(fd, F_SETOWN, getpid()) == 0);
	NEED(args, fcntl(fd, F_SETFL, O_ASYNC) == 0);
	NEED(args, act_read(fd, ACT_REQUEST));
	return act_answer_and_close(args, fd);
}

const struct victim victims_endings[] = {
	{"read_by_recvmmsg", read_by_recvmmsg},
	{"read_by_readv_to_eof", read_by_readv_to_eof},
	{"peeked_then_read", peeked_then_read},
	{"thrown_away_by_msg_trunc", thrown_away_by_msg_trunc},
	{"read_in_parts", read_in_parts},
	{"read_below_the_low_water_mark", read_below_the_low_water_mark},
	{"urgent_byte_stepped_over", urgent_byte_stepped_over},
	{"urgent_byte_in_line", urgent_byte_in_line},
	{"stream_read_to_eof", stream_read_to_eof},
	{"stream_read_in_part", stream_read_in_part},
	{"fcloseall_leaves_it_open", fcloseall_leaves_it_open},
	{"answered_by_sendfile", answered_by_sendfile},
	{"answered_by_splice", answered_by_splice},
	{"answered_without_a_copy", answered_without_a_copy},
	{"answered_by_sendmmsg", answered_by_sendmmsg},
	{"corked", corked},
	{"without_delay", without_delay},
	{"kept_alive", kept_alive},
	{"linger_of_five_seconds", linger_of_five_seconds},
	{"watched_by_epoll", watched_by_epoll},
	{"watched_by_edge", watched_by_edge},
	{"told_by_sigio", told_by_sigio},
	{NULL, NULL},
};
