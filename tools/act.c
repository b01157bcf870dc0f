/* SPDX-License-Identifier: MIT */
#include "act.h"

#include "transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sockios.h>

#define STALLED_MS 20 /* no room for so long: the peer's window is full and it does not read */

static const char block[65536];

int act_failed(const struct victim_args *args, int line)
{
	if (!args->stage->failed)
		args->stage->failed = line;
	return 1;
}

static const struct transport *transport(const struct victim_args *args)
{
	return &transports[args->stage->transport];
}

int act_listen(const struct victim_args *args)
{
	int port, fd = transport_bind(transport(args), 0, &port);

	if (fd < 0 || listen(fd, 16) != 0)
		return -1;
	args->stage->port = port;
	return fd;
}

static bool crowd_waits(void *arg)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	return getsockopt(*(int *)arg, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
		info.tcpi_unacked == ACT_CROWD;
}

int act_await_crowd(const struct victim_args *args, int listener)
{
	NEED(args, listener >= 0);
	args->stage->step = STEP_LISTENING;
	NEED(args, stage_await(&args->stage->cue, CUE_SENT, STAGE_PATIENCE_MS));
	NEED(args, stage_await_that(crowd_waits, &listener, STAGE_PATIENCE_MS));
	return 0;
}

int act_accept(const struct victim_args *args, int listener)
{
	int fd;

	args->stage->step = STEP_LISTENING;
	fd = accept(listener, NULL, NULL);
	close(listener);
	if (fd >= 0)
		args->stage->step = STEP_CONNECTED;
	return fd;
}

int act_serve(const struct victim_args *args)
{
	int listener = act_listen(args);

	return listener < 0 ? -1 : act_accept(args, listener);
}

int act_connect(const struct victim_args *args)
{
	struct sockaddr_storage at;
	socklen_t len;
	int fd;

	if (!stage_await(&args->stage->cue, CUE_LISTENING, STAGE_PATIENCE_MS))
		return -1;
	len = transport_peer(transport(args), args->stage->port, &at);
	fd = transport_socket(transport(args), 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, len) != 0)
		return -1;
	args->stage->step = STEP_CONNECTED;
	return fd;
}

int act_reap(const struct victim_args *args, pid_t child)
{
	int status;

	NEED(args, waitpid(child, &status, 0) == child);
	NEED(args, WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return 0;
}

bool act_arm_linger(int fd)
{
	struct linger hard = {.l_onoff = 1, .l_linger = 0};

	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)) == 0;
}

bool act_arm_linger2(int fd)
{
	int never = -1;

	return setsockopt(fd, IPPROTO_TCP, TCP_LINGER2, &never, sizeof(never)) == 0;
}

struct expected {
	int fd;
	int value;
};

static bool unread_is(void *arg)
{
	const struct expected *e = arg;
	int n;

	return ioctl(e->fd, SIOCINQ, &n) == 0 && n == e->value;
}

static bool unsent_is(void *arg)
{
	const struct expected *e = arg;
	int n;

	return ioctl(e->fd, SIOCOUTQ, &n) == 0 && n == e->value;
}

static bool state_is(void *arg)
{
	const struct expected *e = arg;
	struct tcp_info info;
	socklen_t len = sizeof(info);

	return getsockopt(e->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
		info.tcpi_state == e->value;
}

bool act_await_unread(int fd, int n)
{
	return stage_await_that(unread_is, &(struct expected){fd, n}, STAGE_PATIENCE_MS);
}

bool act_await_acknowledged(int fd)
{
	return stage_await_that(unsent_is, &(struct expected){fd, 0}, STAGE_PATIENCE_MS);
}

bool act_await_state(int fd, int state)
{
	return stage_await_that(state_is, &(struct expected){fd, state}, STAGE_PATIENCE_MS);
}

bool act_read(int fd, size_t n)
{
	char buf[4096];

	while (n > 0) {
		ssize_t got = read(fd, buf, n < sizeof(buf) ? n : sizeof(buf));

		if (got <= 0)
			return false;
		n -= (size_t)got;
	}
	return true;
}

bool act_read_eof(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 0;
}

bool act_write(const struct victim_args *args, int fd, size_t n)
{
	while (n > 0) {
		size_t part = n < sizeof(block) ? n : sizeof(block);
		ssize_t wrote = write(fd, block, part);

		if (wrote <= 0)
			return false;
		args->stage->sent += (uint64_t)wrote;
		n -= (size_t)wrote;
	}
	return true;
}

bool act_fill(const struct victim_args *args, int fd, size_t n)
{
	struct pollfd room = {.fd = fd, .events = POLLOUT};

	while (n > 0) {
		size_t part = n < sizeof(block) ? n : sizeof(block);
		ssize_t sent = send(fd, block, part, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN)
			return false;
		if (sent < 0 && poll(&room, 1, STALLED_MS) <= 0)
			return true;
		if (sent > 0) {
			args->stage->sent += (uint64_t)sent;
			n -= (size_t)sent;
		}
	}
	return true;
}

bool act_answer(const struct victim_args *args, int fd)
{
	if (args->door->writes)
		return act_fill(args, fd, ACT_SHORT) && act_await_acknowledged(fd);
	return act_fill(args, fd, ACT_ANSWER);
}

bool act_fails(const struct victim_args *args, const char *otherwise, int fd, int error)
{
	const struct call *call = args->call ? args->call : call_named(otherwise);

	return call->fails(fd) && errno == error;
}

bool act_pass(const struct victim_args *args, int fd)
{
	int64_t began = stage_now_ms();
	bool passed;

	args->stage->sent += args->door->writes;
	args->stage->ends = door_that_ends(args->door->name) != NULL;
	args->stage->step = STEP_READY;
	passed = args->door->pass(fd);
	if (args->stage->ends)
		return passed;
	args->stage->passed_ms = (int)(stage_now_ms() - began);
	args->stage->step = STEP_CLOSED;
	return passed;
}

int act_answer_and_close(const struct victim_args *args, int fd)
{
	NEED(args, act_write(args, fd, ACT_SHORT));
	NEED(args, act_pass(args, fd));
	return 0;
}
