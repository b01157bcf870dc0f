/* SPDX-License-Identifier: MIT */
#include "acting.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EVENTS	  8
#define HIGH	  20  /* where F_DUPFD begins to look */
#define FREE_SLOT 30  /* the number that an empty slot stands for where one is to be replaced */
#define BEYOND	  200 /* above all that are in use */

static int wait_poll(struct acting *a)
{
	short events = (short)acting_value(a, 2);
	struct pollfd p[2] = {{acting_fd(a, 0), events, 0}, {acting_fd(a, 1), events, 0}};
	int r = poll(p, 2, 0);

	a->o->sum = (uint32_t)p[0].revents << 16 | (uint32_t)p[1].revents;
	return r;
}

static int wait_select(struct acting *a)
{
	struct timeval now = {0, 0};
	fd_set in, out;
	int r, most = -1;

	FD_ZERO(&in);
	FD_ZERO(&out);
	for (int i = 0; i < 2; i++) {
		int fd = acting_fd(a, i);

		if (fd < 0 || fd >= FD_SETSIZE)
			continue;
		FD_SET(fd, &in);
		FD_SET(fd, &out);
		most = fd > most ? fd : most;
	}
	r = select(most + 1, &in, &out, NULL, &now);
	if (r >= 0)
		a->o->sum =
			lockstep_sum(lockstep_sum(SUM_START, &in, sizeof(in)), &out, sizeof(out));
	return r;
}

static int by_data(const void *a, const void *b)
{
	const struct epoll_event *x = a, *y = b;

	return x->data.u32 < y->data.u32 ? -1 : x->data.u32 > y->data.u32;
}

/* In which order they come is nobody's promise. */
static int wait_epoll(struct acting *a)
{
	struct epoll_event events[EVENTS];
	int r = epoll_wait(acting_fd(a, 0), events, EVENTS, 0);

	if (r <= 0)
		return r;
	qsort(events, (size_t)r, sizeof(events[0]), by_data);
	for (int i = 0; i < r; i++) {
		a->o->sum = lockstep_sum(a->o->sum, &events[i].events, sizeof(uint32_t));
		a->o->sum = lockstep_sum(a->o->sum, &events[i].data.u32, sizeof(uint32_t));
	}
	return r;
}

static int change_epoll(struct acting *a)
{
	struct epoll_event ev = {
		.events = (uint32_t)acting_value(a, 3), .data.u32 = (uint32_t)a->s->arg[2]};

	return epoll_ctl(acting_fd(a, 0), acting_value(a, 1), acting_fd(a, 2), &ev);
}

static int duplicate(struct acting *a)
{
	int fd = acting_fd(a, 1);

	switch (acting_value(a, 2)) {
	case 1:
		return acting_put(a, 0, fcntl(fd, F_DUPFD, HIGH));
	case 2:
		return acting_put(a, 0, fcntl(fd, F_DUPFD_CLOEXEC, HIGH));
	default:
		return acting_put(a, 0, dup(fd));
	}
}

static int duplicate_over(struct acting *a)
{
	int fd = acting_fd(a, 0), to = acting_fd(a, 1);

	if (to < 0)
		to = FREE_SLOT + a->s->arg[1];
	switch (acting_value(a, 2)) {
	case 4:
		return acting_put(a, 1, dup3(fd, to, 0));
	case 5:
		return acting_put(a, 1, dup3(fd, to, O_CLOEXEC));
	default:
		return acting_put(a, 1, dup2(fd, to));
	}
}

static int close_one(struct acting *a)
{
	int fd = acting_fd(a, 0);

	switch (acting_value(a, 1)) {
	case 1:
		return (int)syscall(SYS_close, fd);
	case 2:
		return close_range(
			fd < 0 ? BEYOND : (unsigned)fd, fd < 0 ? BEYOND : (unsigned)fd, 0);
	default:
		return close(fd);
	}
}

static int close_many(struct acting *a)
{
	int first = acting_fd(a, 0), last = acting_fd(a, 1);
	unsigned from = first < 0 ? BEYOND : (unsigned)first;
	unsigned to = last < first ? ~0U : (unsigned)last;

	switch (acting_value(a, 2)) {
	case 0: /* a thread's own table is closed some time after the thread was joined */
		return close_range(from, to, a->l->alive[THREAD] ? 0 : CLOSE_RANGE_UNSHARE);
	case 1:
		return close_range(from, to, CLOSE_RANGE_CLOEXEC);
	case 3:
		closefrom((int)from);
		return 0;
	default:
		return close_range(from, to, 0);
	}
}

static int make_pair(struct acting *a)
{
	int fds[2], r;

	r = acting_value(a, 2) == 5 ? socketpair(AF_UNIX, SOCK_STREAM, 0, fds) : pipe(fds);
	if (r != 0)
		return r;
	acting_put(a, 0, fds[0]);
	acting_put(a, 1, fds[1]);
	return fds[0] << 8 | fds[1];
}

static int open_one(struct acting *a)
{
	switch (acting_value(a, 1)) {
	case 0:
		return acting_put(a, 0, open("/dev/null", O_RDWR));
	case 1:
		return acting_put(a, 0, open("/dev/zero", O_RDONLY | O_CLOEXEC));
	case 2:
		return acting_put(a, 0, memfd_create("differential", 0));
	default:
		return acting_put(a, 0, eventfd(1, EFD_NONBLOCK));
	}
}

bool acting_wait(struct acting *a)
{
	switch (a->s->call) {
	case CALL_POLL:
		a->o->ret = wait_poll(a);
		break;
	case CALL_SELECT:
		a->o->ret = wait_select(a);
		break;
	case CALL_EPOLL:
		a->o->ret = acting_put(a, 0, epoll_create1(0));
		break;
	case CALL_EPOLL_CTL:
		a->o->ret = change_epoll(a);
		break;
	case CALL_EPOLL_WAIT:
		a->o->ret = wait_epoll(a);
		break;
	default:
		return false;
	}
	return true;
}

bool acting_descriptor(struct acting *a)
{
	switch (a->s->call) {
	case CALL_DUP:
		a->o->ret = duplicate(a);
		break;
	case CALL_DUP_OVER:
		a->o->ret = duplicate_over(a);
		break;
	case CALL_CLOSE:
		a->o->ret = close_one(a);
		break;
	case CALL_CLOSE_RANGE:
		a->o->ret = close_many(a);
		break;
	case CALL_PIPE:
		a->o->ret = make_pair(a);
		break;
	case CALL_OPEN:
		a->o->ret = open_one(a);
		break;
	default:
		return false;
	}
	return true;
}
