/* SPDX-License-Identifier: MIT */
#include "exit.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "trim.h"

#include <errno.h>
#include <sys/mman.h>
#include <time.h>

/* Acknowledgements wake nobody up: looked for at these intervals, doubled from look to look. */
#define FIRST_LOOK_US 50U
#define LAST_LOOK_US  1000U

struct leaving {
	int fd; /* -1: over */
	bool input;
	bool closes; /* what is held */
	uint32_t start_ms;
	uint64_t drained, bytes;
	struct hold hold;
	struct event event;
};

static struct leaving *list;
static uint32_t count;

static bool map_list(void)
{
	long p;

	if (list)
		return true;
	p = sys6(SYS_mmap, 0, (long)(self.opt.linger.sockets * sizeof(*list)),
		PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p < 0 && p > -4096)
		return false;
	list = (struct leaving *)p;
	return true;
}

static bool room(void)
{
	return count < self.opt.linger.sockets && map_list();
}

bool exit_add(int fd, const struct event *e, const struct drain_bounds *b)
{
	if (!room())
		return false;
	list[count++] = (struct leaving){.fd = fd,
		.input = true,
		.start_ms = start_now_ms(),
		.bytes = b->bytes,
		.event = *e};
	drain_expect_any(fd);
	return true;
}

bool exit_hold(int fd, const struct fdrec *rec, const struct event *e, bool closes)
{
	struct leaving *l;

	if (!room())
		return false;
	l = &list[count++];
	*l = (struct leaving){.fd = fd, .closes = closes, .start_ms = start_now_ms(), .event = *e};
	hold_begin(&l->hold, fd, rec);
	l->hold.own = false; /* at an end that is no news */
	return true;
}

void exit_begin(void)
{
	count = 0;
}

static void over(struct leaving *l, enum outcome outcome, const char *why)
{
	struct event *e = &l->event;

	if (e->tentative && l->drained > 0)
		event_confirm(e, l->fd);
	l->fd = -1;
	e->outcome = outcome;
	e->why = why;
	e->mended = true;
	e->drained += l->drained;
	e->duration_ms = start_now_ms() - l->start_ms;
	if (!e->tentative) /* else nothing came, and nothing was to be mended */
		event_tell(e);
}

/* For a few turns: an upload without end must not keep the others waiting. */
static long discard(struct leaving *l)
{
	unsigned turns = 16;
	long n = -EAGAIN;

	while (l->input && turns--) {
		if (l->drained >= l->bytes)
			l->input = false;
		else if ((n = drain_discard(l->fd, l->bytes - l->drained)) > 0)
			l->drained += (uint64_t)n;
		else
			break;
	}
	return n;
}

static bool left_to_kernel(struct leaving *l)
{
	if (!trim_attach(l->fd))
		return false;
	discard(l);
	return true;
}

static void look_at_held(struct leaving *l, bool late)
{
	enum hold_state state = hold_look(&l->hold, l->fd);
	bool ours = facts_cookie(l->fd) == l->event.facts.cookie;

	if (ours && state == HOLD_WAITS && !late)
		return;
	l->event.duration_ms = start_now_ms() - l->start_ms;
	if (ours && l->closes) {
		fdhint_forget(l->fd);
		hold_end(&l->hold, l->fd, &l->event, state);
	}
	l->fd = -1;
}

static void look(struct leaving *l, bool late)
{
	long n;

	if (l->hold.until) {
		look_at_held(l, late);
		return;
	}
	/* Another thread, or a handler, may have closed it, and opened another under this number. */
	if (facts_cookie(l->fd) != l->event.facts.cookie) {
		over(l, OUTCOME_FAILED, "the program closed it meanwhile");
		return;
	}
	n = discard(l);
	if (n == 0 && drain_peer_fin(l->fd))
		over(l, OUTCOME_AVERTED, NULL);
	else if (drain_was_reset(n))
		over(l, OUTCOME_FAILED, "the peer reset the connection");
	else if (facts_unsent(l->fd) == 0)
		over(l, OUTCOME_DELIVERED, NULL);
	else if (late && left_to_kernel(l))
		over(l, OUTCOME_DELIVERED, TRIM_LEFT);
	else if (late)
		over(l, OUTCOME_EXPIRED, NULL);
	else if (n <= 0 && n != -EAGAIN && n != -EINTR) /* the reading side is shut already */
		l->input = false;
}

/* How many are still to be waited for. */
static uint32_t look_at_all(bool late)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (list[i].fd >= 0)
			look(&list[i], late);
		left += list[i].fd >= 0;
	}
	return left;
}

static void rest(uint32_t us)
{
	struct timespec ts = {0, (long)us * 1000};

	sys5(SYS_ppoll, 0, 0, &ts, 0, 0);
}

void exit_settle(uint32_t until_ms)
{
	uint32_t us = FIRST_LOOK_US;
	bool late = false;

	while (look_at_all(late)) {
		rest(us);
		if (us < LAST_LOOK_US)
			us *= 2;
		late = start_stopping() || (int32_t)(start_now_ms() - until_ms) >= 0;
	}
}
