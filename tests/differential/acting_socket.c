/* SPDX-License-Identifier: MIT */
#include "acting.h"
#include "base/sys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

static bool may_wait(int fd)
{
	struct stat st;
	int domain = 0;
	socklen_t len = sizeof(domain);

	if (sys2(SYS_fstat, fd, &st) != 0 || !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return false;
	return sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 ||
		domain != AF_INET;
}

bool acting_ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	struct timespec now = {0, 0};

	return !may_wait(fd) || sys5(SYS_ppoll, &p, 1, &now, 0, 0) != 0;
}

void acting_limit(int fd, int ms)
{
	struct timeval limit = {0, ms * 1000L};

	sys5(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	sys5(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static int local_port(int fd)
{
	struct sockaddr_in in = {0};
	socklen_t len = sizeof(in);

	return sys3(SYS_getsockname, fd, &in, &len) == 0 ? ntohs(in.sin_port) : 0;
}

/* getpeername() forgets it where the connection was reset before it was accepted. */
static int peer_port(int fd)
{
	struct sockaddr_in in = {0};
	socklen_t len = sizeof(in);

	return sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERNAME, &in, &len) == 0
		? ntohs(in.sin_port)
		: 0;
}

static int make_socket(struct acting *a)
{
	int fd = socket(AF_INET, acting_value(a, 1), 0);

	if (fd >= 0)
		acting_limit(fd, ACTING_LIMIT_MS);
	return acting_put(a, 0, fd);
}

static int make_listener(struct acting *a)
{
	struct sockaddr_in any = loopback(0);
	int fd = make_socket(a), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		bind(fd, (struct sockaddr *)&any, sizeof(any)) != 0 || listen(fd, 8) != 0)
		return fd < 0 ? fd : -1;
	if (a->l->listeners < LISTENERS)
		a->l->ports[a->l->listeners++] = local_port(fd);
	return fd;
}

static int connect_to(struct acting *a, int port)
{
	struct sockaddr_in in = loopback(port);
	int fd = acting_fd(a, 0);
	int r = connect(fd, (struct sockaddr *)&in, sizeof(in)), error = errno;

	a->o->port = local_port(fd);
	errno = error;
	return r;
}

static int connect_own(struct acting *a)
{
	int port = a->l->listeners ? a->l->ports[a->l->listeners - 1] : 1;

	a->o->own_port = port;
	return connect_to(a, port);
}

static int disconnect(struct acting *a)
{
	struct sockaddr_in none = {.sin_family = AF_UNSPEC};

	return connect(acting_fd(a, 0), (struct sockaddr *)&none, sizeof(none));
}

static int accept_one(struct acting *a)
{
	int flags = acting_value(a, 2), from = acting_fd(a, 1), fd, error;

	fd = flags < 0 ? accept(from, NULL, NULL) : accept4(from, NULL, NULL, flags);
	error = errno;
	if (fd >= 0)
		a->o->port = peer_port(fd);
	errno = error;
	return acting_put(a, 0, fd);
}

static int set_option(struct acting *a)
{
	const struct choice *c = program_choice(a->s, 1);
	struct linger linger = {c->v[2], c->v[3]};

	if (c->v[0] == SOL_SOCKET && c->v[1] == SO_LINGER)
		return setsockopt(acting_fd(a, 0), c->v[0], c->v[1], &linger, sizeof(linger));
	return setsockopt(acting_fd(a, 0), c->v[0], c->v[1], &c->v[2], sizeof(c->v[2]));
}

/* Which side has acknowledged whose FIN is the timer's: one name for what differs in that alone. */
static void even_out_state(unsigned char *state)
{
	if (*state == TCP_FIN_WAIT2)
		*state = TCP_FIN_WAIT1;
	else if (*state == TCP_CLOSING || *state == TCP_LAST_ACK || *state == TCP_TIME_WAIT)
		*state = TCP_CLOSE;
}

static int get_option(struct acting *a)
{
	const struct choice *c = program_choice(a->s, 1);
	unsigned char value[8] = {0};
	socklen_t len = (socklen_t)c->v[2];
	int r = getsockopt(acting_fd(a, 0), c->v[0], c->v[1], value, &len);

	if (c->v[0] == IPPROTO_TCP && c->v[1] == TCP_INFO)
		even_out_state(value);
	a->o->sum = lockstep_sum(SUM_START, value, sizeof(value));
	return r;
}

static int request(struct acting *a)
{
	const struct choice *c = program_choice(a->s, 1);
	int value = c->v[1], r = ioctl(acting_fd(a, 0), (unsigned long)c->v[0], &value);

	a->o->sum = (uint32_t)value;
	return r;
}

static int control(struct acting *a)
{
	const struct choice *c = program_choice(a->s, 1);

	return fcntl(acting_fd(a, 0), c->v[0], c->v[1]);
}

static int name(struct acting *a)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	int fd = acting_fd(a, 0);

	return acting_value(a, 1) ? getpeername(fd, (struct sockaddr *)&at, &len)
				  : getsockname(fd, (struct sockaddr *)&at, &len);
}

static int (*const calls[CALLS_COUNT])(struct acting *) = {
	[CALL_SOCKET] = make_socket,
	[CALL_LISTENER] = make_listener,
	[CALL_CONNECT_OWN] = connect_own,
	[CALL_DISCONNECT] = disconnect,
	[CALL_ACCEPT] = accept_one,
	[CALL_SETSOCKOPT] = set_option,
	[CALL_GETSOCKOPT] = get_option,
	[CALL_IOCTL] = request,
	[CALL_FCNTL] = control,
	[CALL_NAME] = name,
};

bool acting_socket(struct acting *a)
{
	if (a->s->call == CALL_CONNECT)
		a->o->ret = connect_to(a, a->l->peer_port);
	else if (a->s->call == CALL_SHUTDOWN)
		a->o->ret = shutdown(acting_fd(a, 0), acting_value(a, 1));
	else if (calls[a->s->call])
		a->o->ret = calls[a->s->call](a);
	else
		return false;
	return true;
}
