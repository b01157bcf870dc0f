/* SPDX-License-Identifier: MIT */
#include "trial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define END_MS 200 /* for what a library delivers after a close */

#define NO_SUCH (-3)

static unsigned char buffer[65536];

static int local_port(int fd)
{
	struct sockaddr_in in = {0};
	socklen_t len = sizeof(in);

	getsockname(fd, (struct sockaddr *)&in, &len);
	return ntohs(in.sin_port);
}

bool peer_open(struct peer *p, struct lockstep *l)
{
	struct sockaddr_in any = loopback(0);

	p->l = l;
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->listener < 0 || bind(p->listener, (struct sockaddr *)&any, sizeof(any)) != 0 ||
		listen(p->listener, 64) != 0)
		return false;
	l->peer_port = local_port(p->listener);
	return true;
}

void peer_begin(struct peer *p)
{
	p->count = 0;
}

static int take(struct peer *p, int fd, int port)
{
	struct received *r;
	int on = 1;

	if (fd < 0)
		return fd;
	if (p->count == PEERS) {
		close(fd);
		return NO_SUCH;
	}
	/* What Nagle's algorithm holds back comes when a timer fires. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	r = &p->l->results.received[p->count];
	*r = (struct received){.used = 1, .port = port, .sum = SUM_START, .end = -1};
	p->conns[p->count].fd = fd;
	p->conns[p->count].sent = 0;
	p->conns[p->count].got = r;
	return p->count++;
}

static int accept_one(struct peer *p)
{
	struct sockaddr_in in = {0};
	socklen_t len = sizeof(in);
	int fd = accept4(p->listener, (struct sockaddr *)&in, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	return take(p, fd, ntohs(in.sin_port));
}

static int connect_to(struct peer *p, int listener)
{
	struct sockaddr_in in;
	int fd;

	if (listener >= p->l->listeners)
		return NO_SUCH;
	in = loopback(p->l->ports[listener]);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	connect(fd, (struct sockaddr *)&in, sizeof(in));
	return take(p, fd, local_port(fd));
}

static int receive(struct peer *p, int c, size_t len)
{
	struct received *r = p->conns[c].got;
	ssize_t n = recv(p->conns[c].fd, buffer, len < sizeof(buffer) ? len : sizeof(buffer), 0);

	if (n <= 0) {
		r->end = n == 0 ? 0 : errno;
		return (int)n;
	}
	if (r->bytes < HEAD_BYTES)
		memcpy(r->head + r->bytes, buffer,
			(size_t)n < HEAD_BYTES - r->bytes ? (size_t)n : HEAD_BYTES - r->bytes);
	r->bytes += (uint32_t)n;
	r->sum = lockstep_sum(r->sum, buffer, (size_t)n);
	return (int)n;
}

static int send_some(struct peer *p, int c, size_t len, int flags)
{
	ssize_t n;

	for (size_t i = 0; i < len; i++)
		buffer[i] = (unsigned char)((p->conns[c].sent + i) * 7 + (size_t)c);
	n = send(p->conns[c].fd, buffer, len, flags | MSG_NOSIGNAL);
	if (n > 0)
		p->conns[c].sent += (uint32_t)n;
	return (int)n;
}

static int close_one(struct peer *p, int c, bool reset)
{
	struct linger now = {1, 0};
	int r;

	if (reset)
		setsockopt(p->conns[c].fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	r = close(p->conns[c].fd);
	p->conns[c].fd = -1;
	return r;
}

static int do_step(struct peer *p, const struct step *s)
{
	int c = s->arg[0];

	if (s->call == PEER_ACCEPT)
		return accept_one(p);
	if (s->call == PEER_CONNECT)
		return connect_to(p, c);
	if (c >= p->count || p->conns[c].fd < 0)
		return NO_SUCH;
	switch (s->call) {
	case PEER_SEND:
		return send_some(p, c, (size_t)s->arg[1], program_choice(s, 2)->v[0]);
	case PEER_RECV:
		return receive(p, c, (size_t)s->arg[1]);
	case PEER_SHUTDOWN:
		return shutdown(p->conns[c].fd, SHUT_WR);
	default:
		return close_one(p, c, s->call == PEER_RESET);
	}
}

void peer_step(struct peer *p, const struct step *s, struct outcome *o)
{
	errno = 0;
	o->ret = do_step(p, s);
	o->error = errno;
	/* The connection that it is about, or has made. */
	if (s->call == PEER_ACCEPT || s->call == PEER_CONNECT)
		o->port = o->ret >= 0 ? p->conns[o->ret].got->port : 0;
	else if (s->arg[0] < p->count)
		o->port = p->conns[s->arg[0]].got->port;
	o->done = 1;
}

static void read_to_end(struct peer *p, int c)
{
	struct pollfd ready = {.fd = p->conns[c].fd, .events = POLLIN};
	int n;

	do
		n = receive(p, c, sizeof(buffer));
	while (n > 0 || (n < 0 && errno == EAGAIN && poll(&ready, 1, END_MS) == 1));
}

void peer_end(struct peer *p)
{
	while (accept_one(p) >= 0)
		;
	for (int c = 0; c < p->count; c++)
		if (p->conns[c].fd >= 0)
			read_to_end(p, c);
	for (int c = 0; c < p->count; c++)
		if (p->conns[c].fd >= 0)
			close_one(p, c, false);
}
