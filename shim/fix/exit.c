/* SPDX-License-Identifier: MIT */
#include "exit.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "deferred.h"
#include "trim.h"

#include <errno.h>
#include <sys/mman.h>
#include <time.h>

/* Acknowledgements wake nobody up: looked for at these intervals, doubled from look to look. */
#define FIRST_LOOK_US 50U
#define LAST_LOOK_US  1000U

/* A peer that has taken some so lately reads, also while it uploads. */
#define TAKES_MS 50U

struct leaving {
	int fd; /* -1: over */
	bool input;
	bool closes; /* what is held */
	uint32_t start_ms;
	uint32_t taken_ms; /* when some of the output was acknowledged, seen last */
	uint64_t unsent, drained, bytes;
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
		.taken_ms = start_now_ms() - TAKES_MS,
		.unsent = facts_unsent(fd),
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

static void look_at_output(struct leaving *l, uint64_t unsent)
{
	if (unsent < l->unsent)
		l->taken_ms = start_now_ms();
	l->unsent = unsent;
}

/* By a peer that sends as well: what it sends would destroy the rest. */
static bool is_taken(const struct leaving *l)
{
	uint64_t acked;

	if (l->event.tentative && !l->drained)
		return false;
	return start_now_ms() - l->taken_ms < TAKES_MS || !facts_window_shut(l->fd, &acked);
}

/* True: it can wait for nothing. What gets no filter has a reset still if the peer sends on. */
static bool left_to_kernel(struct leaving *l)
{
	bool fits = facts_fits_window(l->fd), left;

	left = fits || !is_taken(l) ? trim_leave(l->fd)
				    : trim_leave_for(l->fd, self.opt.linger.idle_ms);
	if (left)
		deferred_take_trimmed(l->fd, l->event.facts.cookie);
	discard(l);
	return fits && left;
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
	uint64_t unsent;
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
	unsent = facts_unsent(l->fd);
	look_at_output(l, unsent);
	if (n == 0 && drain_peer_fin(l->fd))
		over(l, OUTCOME_AVERTED, NULL);
	else if (drain_was_reset(n))
		over(l, OUTCOME_FAILED, "the peer reset the connection");
	else if (unsent == 0)
		over(l, OUTCOME_DELIVERED, NULL);
	else if (late && left_to_kernel(l))
		over(l, OUTCOME_DELIVERED, TRIM_LEFT);
	else if (late)
		over(l, OUTCOME_EXPIRED, TRIM_TRIES);
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
