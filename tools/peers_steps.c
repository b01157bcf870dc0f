/* SPDX-License-Identifier: MIT */
#include "peers_steps.h"

#include "act.h"
#include "netns.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

static int tcp_state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_state : -1;
}

bool peer_send(struct peer *p, size_t n, int flags)
{
	static const char bytes[ACT_REQUEST];

	return send(p->fd, bytes, n, flags | MSG_NOSIGNAL) == (ssize_t)n;
}

/* Linux sets EPIPE in CLOSE_WAIT. */
enum peer_end peer_end_of(struct peer *p)
{
	int error = 0;
	socklen_t len = sizeof(error);

	getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error ? END_RST : END_FIN;
}

void peer_read_to_end(struct peer *p)
{
	static char buf[1 << 16];
	struct pollfd in = {.fd = p->fd, .events = POLLIN};

	while (poll(&in, 1, STAGE_PATIENCE_MS) == 1) {
		ssize_t n = recv(p->fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n > 0) {
			p->got += (uint64_t)n;
			continue;
		}
		if (n < 0 && errno == EAGAIN)
			continue;
		p->end = n == 0 ? peer_end_of(p) : END_RST;
		if (!p->stays)
			shutdown(p->fd, SHUT_WR);
		return;
	}
	p->end = END_TIMEOUT;
}

static uint16_t port_of(int fd, int (*name)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_in at = {0};
	socklen_t len = sizeof(at);

	return name(fd, (struct sockaddr *)&at, &len) == 0 ? ntohs(at.sin_port) : 0;
}

/* A victim that ends cannot say when it has: its half of the connection is shut, or gone. */
static bool closed(void *arg)
{
	struct peer *p = arg;
	int state;

	if (!p->stage->ends)
		return p->stage->step >= STEP_CLOSED;
	state = netns_tcp_state(port_of(p->fd, getpeername), port_of(p->fd, getsockname));
	return state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT;
}

bool peer_await_closed(struct peer *p)
{
	return stage_await(&p->stage->step, STEP_READY, STAGE_PATIENCE_MS) &&
		stage_await_that(closed, p, STAGE_PATIENCE_MS);
}

static bool closed_or_reset(void *arg)
{
	struct peer *p = arg;

	return tcp_state(p->fd) == TCP_CLOSE || closed(p);
}

bool peer_read_after_close(struct peer *p)
{
	if (!stage_await(&p->stage->step, STEP_READY, STAGE_PATIENCE_MS))
		return false;
	stage_await_that(closed_or_reset, p, PEER_SETTLE_MS);
	peer_read_to_end(p);
	return true;
}

bool peer_is_reset(void *arg)
{
	return tcp_state(((struct peer *)arg)->fd) == TCP_CLOSE;
}
