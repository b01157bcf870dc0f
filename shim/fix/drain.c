/* SPDX-License-Identifier: MIT */
#include "drain.h"

#include "../base/start.h"
#include "../base/sys.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <time.h>

/* One recv: large enough to empty any receive buffer in a few calls, small enough to look up. */
#define CHUNK (1 << 20)

/* Never touched: valgrind wants to know a buffer. */
static char nowhere[CHUNK];

/* Acknowledgements wake nobody up; they are looked for this often. */
#define TICK_MS 20U

struct drain_bounds drain_bounds(const struct linger_limits *limits, const struct fdrec *rec)
{
	return (struct drain_bounds){
		.idle_ms = limits->idle_ms,
		.total_ms = limits->total_ms,
		.bytes =
			rec->role == ROLE_SERVER ? limits->bytes_accepted : limits->bytes_connected,
	};
}

bool drain_disarm(int fd)
{
	struct linger off = {0, 0};

	return sys5(SYS_setsockopt, fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off)) == 0;
}

bool drain_disarm_linger2(int fd)
{
	int usual = 0; /* the system's own time, tcp_fin_timeout */

	return sys5(SYS_setsockopt, fd, IPPROTO_TCP, TCP_LINGER2, &usual, sizeof(usual)) == 0;
}

/* MSG_TRUNC throws TCP data away without copying it; MSG_DONTWAIT steps over an urgent mark. */
long drain_discard(int fd, uint64_t most)
{
	return sys6(SYS_recvfrom, fd, (long)nowhere, most < CHUNK ? (long)most : CHUNK,
		MSG_DONTWAIT | MSG_TRUNC, 0, 0);
}

bool drain_peer_fin(int fd)
{
	int state = facts_state(fd);

	return state != TCP_ESTABLISHED && state != TCP_FIN_WAIT1 && state != TCP_FIN_WAIT2;
}

bool drain_was_reset(long error)
{
	return error == -ECONNRESET || error == -EPIPE || error == -ETIMEDOUT || error == -ENOTCONN;
}

bool drain_half_close(int fd)
{
	return sys2(SYS_shutdown, fd, SHUT_WR) != -ENOTCONN;
}

void drain_wait_acknowledged(int fd, int sec, const struct signals *signals)
{
	uint32_t start = start_now_ms(), step = 50;

	while (facts_unsent(fd) > 0 && !start_stopping() &&
		start_now_ms() - start < (uint32_t)sec * 1000) {
		struct timespec ts = {0, (long)step * 1000};

		if (sys5(SYS_ppoll, 0, 0, &ts, 0, 0) == -EINTR || signals_waiting(signals))
			return;
		if (step < 2000)
			step *= 2;
	}
}

bool drain_has_room(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	struct timespec now = {0, 0};

	return sys5(SYS_ppoll, &p, 1, &now, 0, 0) == 1;
}

void drain_expect_any(int fd)
{
	int one = 1;

	sys5(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
}

static void wait_for_input(int fd, bool input, uint32_t ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct timespec ts = {ms / 1000, (long)(ms % 1000) * 1000000};

	sys5(SYS_ppoll, &p, input ? 1 : 0, &ts, 0, 0);
}

struct progress {
	uint32_t start_ms, last_ms;
	uint64_t unsent;
	uint64_t cookie; /* of the socket that is being drained */
};

/* A signal handler may have closed this number meanwhile, and opened another socket under it. */
static bool gone(int fd, const struct progress *p)
{
	return facts_cookie(fd) != p->cookie;
}

/* Output that was acknowledged since the last look counts as progress. */
static void look_at_output(int fd, struct progress *p)
{
	uint64_t unsent = facts_unsent(fd);

	if (unsent < p->unsent)
		p->last_ms = start_now_ms();
	p->unsent = unsent;
}

static bool over(const struct progress *p, const struct drain_bounds *b)
{
	uint32_t now = start_now_ms();

	return now - p->last_ms >= b->idle_ms || now - p->start_ms >= b->total_ms ||
		start_stopping();
}

/* A limit is hit: once the FIN is acknowledged, everything before it is in the peer's kernel. */
static enum outcome stopped(int fd)
{
	return facts_unsent(fd) == 0 ? OUTCOME_DELIVERED : OUTCOME_EXPIRED;
}

/*
 * recv() returns 0 for the peer's FIN, and also where the program has shut the reading side down
 * itself: then only the acknowledgement of the output can be waited for.
 */
static enum outcome linger(
	int fd, const struct drain_bounds *b, struct drain_result *r, struct progress *p)
{
	bool input = true;
	long n;

	for (;;) {
		if (r->drained >= b->bytes)
			input = false; /* enough: only the output is waited for now */
		n = input ? drain_discard(fd, b->bytes - r->drained) : -EAGAIN;
		if (n > 0) {
			r->drained += (uint64_t)n;
			p->last_ms = start_now_ms();
			if (over(p, b))
				return stopped(fd);
			continue;
		}
		if (n == 0 && drain_peer_fin(fd))
			return OUTCOME_AVERTED;
		if (drain_was_reset(n)) {
			r->why = "the peer reset the connection";
			return OUTCOME_FAILED;
		}
		if (n != -EAGAIN && n != -EINTR)
			input = false;
		if (gone(fd, p)) {
			r->why = "the program closed it meanwhile";
			return OUTCOME_FAILED;
		}
		look_at_output(fd, p);
		if (!input && p->unsent == 0)
			return drain_peer_fin(fd) && r->drained < b->bytes ? OUTCOME_AVERTED
									   : OUTCOME_DELIVERED;
		if (over(p, b))
			return stopped(fd);
		wait_for_input(fd, input, b->idle_ms < TICK_MS ? 1 : TICK_MS);
	}
}

void drain_linger(int fd, const struct drain_bounds *b, struct drain_result *r)
{
	struct progress p = {start_now_ms(), start_now_ms(), facts_unsent(fd), facts_cookie(fd)};

	*r = (struct drain_result){0};
	drain_expect_any(fd);
	r->outcome = linger(fd, b, r, &p);
	r->duration_ms = start_now_ms() - p.start_ms;
}
