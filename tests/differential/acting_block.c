/* SPDX-License-Identifier: MIT */
#include "acting.h"
#include "base/sys.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

/* What nothing ends takes as long; the others' steps must be done by then. */
#define LIMIT_MS 400

static struct outcome result; /* of the one thread */
static int polled;	      /* by it; -1: it has waited in another call */

static int wait_readable(int fd)
{
	struct timeval limit = {0, LIMIT_MS * 1000L};
	fd_set in;

	if (fd < 0 || fd >= FD_SETSIZE)
		return ACTING_WOULD_WAIT;
	FD_ZERO(&in);
	FD_SET(fd, &in);
	return select(fd + 1, &in, NULL, NULL, &limit);
}

static int wait_in(int by, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLRDHUP};
	struct epoll_event ev = {0};
	unsigned char bytes[64];
	int r;

	switch (by) {
	case 0:
		r = (int)recv(fd, bytes, sizeof(bytes), 0);
		break;
	case 1:
		r = acting_ready(fd, POLLIN) ? (int)read(fd, bytes, sizeof(bytes))
					     : ACTING_WOULD_WAIT;
		break;
	case 2:
		r = poll(&p, 1, LIMIT_MS);
		result.sum = (uint32_t)p.revents;
		return r;
	case 3:
		return wait_readable(fd);
	case 4:
		r = epoll_wait(fd, &ev, 1, LIMIT_MS);
		result.sum = ev.events;
		return r;
	default:
		return accept(fd, NULL, NULL);
	}
	if (r > 0)
		result.sum = lockstep_sum(SUM_START, bytes, (size_t)r);
	return r;
}

void acting_block(struct acting *a)
{
	int fd = acting_fd(a, 0), by = acting_value(a, 1);

	result = (struct outcome){.inode = {a->o->inode[0]}};
	a->o->done = 1;
	polled = by == 2 || by == 3 ? fd : -1;
	acting_limit(fd, LIMIT_MS);
	a->l->waiting = (int32_t)sys0(SYS_gettid);
	lockstep_give(a->l, PEER);
	errno = 0;
	result.ret = wait_in(by, fd);
	result.error = errno;
}

void acting_unblock(struct acting *a)
{
	a->o->ret = result.ret;
	a->o->sum = result.sum;
	a->o->inode[0] = result.inode[0];
	a->o->closed = polled >= 0 && acting_inode(polled) != result.inode[0];
	a->l->waiting = 0;
	errno = result.error;
}
