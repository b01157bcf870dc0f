/* SPDX-License-Identifier: MIT */
#include "victims.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define PART 100

/* The first write after the peer's FIN is accepted, and answered with RST; the next one fails. */
static int write_after_close(const struct victim_args *args)
{
	int fd = act_connect(args);

	NEED(args, fd >= 0);
	NEED(args, act_read_eof(fd));
	NEED(args, stage_await(&args->stage->cue, CUE_CLOSED, STAGE_PATIENCE_MS));
	NEED(args, act_write(args, fd, PART));
	NEED(args, act_await_state(fd, TCP_CLOSE));
	NEED(args, signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	NEED(args, act_fails(args, "send", fd, EPIPE));
	NEED(args, send(fd, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
	NEED(args, act_pass(args, fd));
	return 0;
}

static int peer_reset(const struct victim_args *args)
{
	int fd = act_serve(args);
	char byte;

	NEED(args, fd >= 0);
	NEED(args, act_await_state(fd, TCP_CLOSE));
	NEED(args, act_fails(args, "read", fd, ECONNRESET));
	NEED(args, read(fd, &byte, 1) == 0);
	NEED(args, act_pass(args, fd));
	return 0;
}

/* The error goes to the first write; what the peer sent before can be read still, and then its end. */
static int peer_reset_by_write(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, act_await_state(fd, TCP_CLOSE));
	NEED(args, send(fd, "x", 1, MSG_NOSIGNAL) == -1 && errno == ECONNRESET);
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, act_read_eof(fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

/* The peer has closed, but the program writes and does not look: EPIPE, without an end being read. */
static int peer_reset_unseen(const struct victim_args *args)
{
	int fd = act_connect(args);

	NEED(args, fd >= 0);
	NEED(args, stage_await(&args->stage->cue, CUE_CLOSED, STAGE_PATIENCE_MS));
	NEED(args, act_await_state(fd, TCP_CLOSE_WAIT));
	NEED(args, act_write(args, fd, PART));
	NEED(args, act_await_state(fd, TCP_CLOSE));
	NEED(args, act_fails(args, "send", fd, EPIPE));
	NEED(args, act_pass(args, fd));
	return 0;
}

/* EPIPE for the program's own doing: after its shutdown, and on a socket that was never connected. */
static int broken_pipe_of_its_own(const struct victim_args *args)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	NEED(args, fd >= 0);
	NEED(args, send(fd, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE && close(fd) == 0);
	fd = act_connect(args);
	NEED(args, fd >= 0);
	NEED(args, act_await_state(fd, TCP_CLOSE_WAIT));
	NEED(args, shutdown(fd, SHUT_WR) == 0);
	NEED(args, send(fd, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
	NEED(args, act_await_state(fd, TCP_CLOSE));
	NEED(args, send(fd, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
	NEED(args, act_pass(args, fd));
	return 0;
}

static int refused_socket(const struct victim_args *args, int flags, struct sockaddr_in *at)
{
	if (!stage_await(&args->stage->cue, CUE_LISTENING, STAGE_PATIENCE_MS))
		return -1;
	*at = (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons((uint16_t)args->stage->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return socket(AF_INET, SOCK_STREAM | flags, 0);
}

static int connect_refused(const struct victim_args *args)
{
	struct sockaddr_in at;
	int fd = refused_socket(args, 0, &at);

	NEED(args, fd >= 0);
	NEED(args, connect(fd, (struct sockaddr *)&at, sizeof(at)) == -1);
	NEED(args, errno == ECONNREFUSED);
	NEED(args, act_pass(args, fd));
	return 0;
}

/* A non-blocking connect tells its error by SO_ERROR, or by the first call that uses the socket. */
static int connect_refused_later(const struct victim_args *args)
{
	struct sockaddr_in at;
	int fd = refused_socket(args, SOCK_NONBLOCK, &at);
	struct pollfd out = {.fd = fd, .events = POLLOUT};

	NEED(args, fd >= 0);
	NEED(args, connect(fd, (struct sockaddr *)&at, sizeof(at)) == -1);
	NEED(args, errno == EINPROGRESS);
	NEED(args, poll(&out, 1, STAGE_PATIENCE_MS) == 1);
	NEED(args, act_fails(args, "getsockopt", fd, ECONNREFUSED));
	NEED(args, act_pass(args, fd));
	return 0;
}

static int timed_out(const struct victim_args *args)
{
	int fd = act_connect(args);
	unsigned limit_ms = 100;

	NEED(args, fd >= 0);
	NEED(args, setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof(limit_ms)) == 0);
	NEED(args, stage_await(&args->stage->cue, CUE_SENT, STAGE_PATIENCE_MS));
	NEED(args, act_write(args, fd, PART));
	NEED(args, act_await_state(fd, TCP_CLOSE));
	NEED(args, act_fails(args, "read", fd, ETIMEDOUT));
	NEED(args, act_pass(args, fd));
	return 0;
}

const struct victim victims_seen[] = {
	{"write_after_close", write_after_close},
	{"peer_reset", peer_reset},
	{"peer_reset_by_write", peer_reset_by_write},
	{"peer_reset_unseen", peer_reset_unseen},
	{"broken_pipe_of_its_own", broken_pipe_of_its_own},
	{"connect_refused", connect_refused},
	{"connect_refused_later", connect_refused_later},
	{"timed_out", timed_out},
	{NULL, NULL},
};
