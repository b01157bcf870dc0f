/* SPDX-License-Identifier: MIT */
#include "deferred.h"

#include "../base/helper.h"
#include "../base/signals.h"
#include "../base/start.h"
#include "../base/sys.h"
#include "../detect/facts.h"
#include "linger.h"
#include "reaper.h"
#include "trim.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define MOST 128

/* How often 20 us are waited for a thread that is at it: two system calls long. */
#define PATIENCE 1000

enum state { FREE, FILLING, TRIMMED, DUE, SETTLING };

static struct entry {
	uint32_t state;
	int fd;
	uint64_t cookie;
	uint32_t until_ms;
	uint32_t trimmed_ms;
	struct trim_watch watch;
} entries[MOST];

HOT_DATA uint32_t deferred_count;
static uint32_t trimmed_count;
static bool leaderless;

static bool some(const uint32_t *count)
{
	return __atomic_load_n(count, __ATOMIC_SEQ_CST) != 0;
}

static bool change(struct entry *e, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(
		&e->state, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void put(struct entry *e, enum state s)
{
	__atomic_store_n(&e->state, s, __ATOMIC_SEQ_CST);
}

static void release(struct entry *e, uint32_t *count)
{
	put(e, FREE);
	__atomic_sub_fetch(count, 1, __ATOMIC_SEQ_CST);
}

static bool is_of(const struct entry *e, int fd)
{
	return __atomic_load_n(&e->state, __ATOMIC_SEQ_CST) >= DUE &&
		__atomic_load_n(&e->fd, __ATOMIC_RELAXED) == fd;
}

static void put_off(struct entry *e, uint32_t ms)
{
	__atomic_store_n(&e->until_ms, start_now_ms() + ms, __ATOMIC_RELAXED);
}

static struct entry *fill(int fd, uint64_t cookie, uint32_t ms)
{
	struct entry *e;

	for (e = entries; e < entries + MOST; e++) {
		if (!change(e, FREE, FILLING))
			continue;
		__atomic_store_n(&e->fd, fd, __ATOMIC_RELAXED);
		__atomic_store_n(&e->cookie, cookie, __ATOMIC_RELAXED);
		put_off(e, ms);
		return e;
	}
	return NULL;
}

bool deferred_add(int fd, uint64_t cookie)
{
	struct entry *e = linger_ready() ? fill(fd, cookie, DEFERRED_GRACE_MS) : NULL;

	if (!e)
		return false;
	__atomic_add_fetch(&deferred_count, 1, __ATOMIC_SEQ_CST);
	fdhint_set(fd, HINT_DEFERRED);
	put(e, DUE);
	reaper_notice();
	return true;
}

/* The FIN of a half-close counts as a byte, and is none. */
static bool output_under_way(int fd)
{
	uint64_t unsent = facts_unsent(fd);

	return unsent > 1 || (unsent == 1 && facts_state(fd) != TCP_FIN_WAIT1);
}

/*
 * Output is under way, and what the peer sends is not to destroy it. Not for ever: the peer learns
 * nothing from a filter, and waits. Looked after until it is closed.
 */
static bool trim(struct entry *e, int fd)
{
	if (__atomic_load_n(&leaderless, __ATOMIC_SEQ_CST) || !output_under_way(fd) ||
		!trim_attach(fd))
		return false;
	put_off(e, TRIM_LOOK_MS);
	e->trimmed_ms = start_now_ms();
	trim_watch(&e->watch, true, e->trimmed_ms);
	__atomic_add_fetch(&trimmed_count, 1, __ATOMIC_SEQ_CST);
	put(e, TRIMMED);
	reaper_notice();
	return true;
}

void deferred_trim(int fd, uint64_t cookie)
{
	struct entry *e = linger_ready() ? fill(fd, cookie, 0) : NULL;

	if (e && !trim(e, fd))
		put(e, FREE);
}

/* The number must not be closed, and taken by another socket, while another thread shuts it. */
static void await(const struct entry *e)
{
	unsigned tries;

	for (tries = 0; tries < PATIENCE; tries++) {
		struct timespec tick = {0, 20000};

		if (__atomic_load_n(&e->state, __ATOMIC_SEQ_CST) != SETTLING)
			return;
		sys5(SYS_ppoll, 0, 0, &tick, 0, 0);
	}
}

static bool is_of_socket(const struct entry *e, int fd, uint64_t cookie)
{
	return is_of(e, fd) && __atomic_load_n(&e->cookie, __ATOMIC_RELAXED) == cookie;
}

/* Between the look and the change the entry may have become another socket's, which is due still. */
static bool take(struct entry *e, int fd, uint64_t cookie)
{
	bool same;

	if (!change(e, DUE, SETTLING))
		return false;
	same = is_of_socket(e, fd, cookie);
	if (same)
		release(e, &deferred_count);
	else
		put(e, DUE);
	return same;
}

bool deferred_take(int fd, uint64_t cookie)
{
	struct entry *e;

	for (e = entries; e < entries + MOST; e++) {
		if (!is_of_socket(e, fd, cookie))
			continue;
		if (take(e, fd, cookie))
			return true;
		await(e); /* and who was at it may have left it as it was */
		if (is_of_socket(e, fd, cookie) && take(e, fd, cookie))
			return true;
	}
	return false;
}

/* `fd` stands for it in the descriptor table of this thread. */
static void make_real(struct entry *e, int fd)
{
	bool trimmed = false;

	if (facts_cookie(fd) == e->cookie) {
		trimmed = (fdhint_record(e->fd)->flags & REC_SHUT_WR) && trim(e, fd);
		sys2(SYS_shutdown, fd, SHUT_RD);
		fdhint_unset(e->fd, HINT_DEFERRED);
	}
	if (!trimmed)
		put(e, FREE);
	__atomic_sub_fetch(&deferred_count, 1, __ATOMIC_SEQ_CST);
}

/* No handler of the program's in between: it might close the number. */
static void settle(int fd, bool all)
{
	struct entry *e;
	struct signals signals;

	if (!start_ready())
		return;
	signals_hold(&signals);
	for (e = entries; e < entries + MOST; e++) {
		if (!all && !is_of(e, fd))
			continue;
		if (change(e, DUE, SETTLING))
			make_real(e, e->fd);
		else
			await(e);
	}
	if (!all)
		fdhint_unset(fd, HINT_DEFERRED);
	signals_release(&signals);
}

void deferred_settle(int fd)
{
	settle(fd, false);
}

void deferred_settle_all(void)
{
	settle(-1, true);
}

static bool is_trimmed(const struct entry *e, int fd, uint64_t cookie)
{
	return __atomic_load_n(&e->state, __ATOMIC_SEQ_CST) == TRIMMED && e->fd == fd &&
		e->cookie == cookie;
}

bool deferred_is_trimmed(int fd, uint64_t cookie)
{
	const struct entry *e;

	for (e = entries; some(&trimmed_count) && e < entries + MOST; e++) {
		if (is_trimmed(e, fd, cookie))
			return true;
	}
	return false;
}

bool deferred_take_trimmed(int fd, uint64_t cookie)
{
	struct entry *e;

	for (e = entries; some(&trimmed_count) && e < entries + MOST; e++) {
		if (!is_trimmed(e, fd, cookie) || !change(e, TRIMMED, SETTLING))
			continue;
		release(e, &trimmed_count);
		return true;
	}
	return false;
}

static bool stays_trimmed(struct entry *e, int fd)
{
	uint32_t now = start_now_ms();

	if (facts_cookie(fd) != e->cookie || trim_waits(&e->watch, fd, now) ||
		now - e->trimmed_ms >= self.opt.linger.idle_ms)
		return false;
	put_off(e, TRIM_LOOK_MS);
	put(e, TRIMMED);
	return true;
}

static void end_trim(struct entry *e, int fd)
{
	if (facts_cookie(fd) == e->cookie)
		trim_detach(fd);
	release(e, &trimmed_count);
}

static void untrim(int fd, bool all)
{
	struct signals signals;
	struct entry *e;

	signals_hold(&signals);
	for (e = entries; e < entries + MOST; e++) {
		if ((all || e->fd == fd) && change(e, TRIMMED, SETTLING))
			end_trim(e, e->fd);
	}
	signals_release(&signals);
}

void deferred_untrim(int fd)
{
	if (some(&trimmed_count) && start_ready())
		untrim(fd, false);
}

void deferred_leader_ends(void)
{
	if (!start_ready() || sys0(SYS_gettid) != self.pid)
		return;
	__atomic_store_n(&leaderless, true, __ATOMIC_SEQ_CST);
	deferred_settle_all();
	untrim(-1, true);
}

/* By a duplicate in the reaper's table; what has gone from the program's needs nothing any more. */
static void end_elsewhere(struct entry *e, enum state was, bool ending)
{
	int fd = helper_borrow(e->fd, 0);

	if (fd == -EBADF) {
		release(e, was == DUE ? &deferred_count : &trimmed_count);
		return;
	}
	if (fd < 0) {
		put(e, was);
		return;
	}
	if (was == DUE)
		make_real(e, fd);
	else if (ending || !stays_trimmed(e, fd))
		end_trim(e, fd);
	sys1(SYS_close, fd);
}

static bool is_over(const struct entry *e, uint32_t now)
{
	return (int32_t)(now - __atomic_load_n(&e->until_ms, __ATOMIC_RELAXED)) >= 0;
}

bool deferred_look(uint32_t now)
{
	struct entry *e;
	uint32_t was;

	if (!some(&deferred_count) && !some(&trimmed_count))
		return false;
	for (e = entries; e < entries + MOST; e++) {
		was = __atomic_load_n(&e->state, __ATOMIC_SEQ_CST);
		if ((was == DUE || was == TRIMMED) && is_over(e, now) && change(e, was, SETTLING))
			end_elsewhere(e, was, false);
	}
	return some(&deferred_count) || some(&trimmed_count);
}

bool deferred_end(void)
{
	struct entry *e;

	for (e = entries; some(&deferred_count) && e < entries + MOST; e++)
		if (change(e, DUE, SETTLING))
			end_elsewhere(e, DUE, true);
	for (e = entries; some(&trimmed_count) && e < entries + MOST; e++)
		if (change(e, TRIMMED, SETTLING))
			end_elsewhere(e, TRIMMED, true);
	return some(&deferred_count) || some(&trimmed_count);
}

void deferred_forked(void)
{
	memset(entries, 0, sizeof(entries));
	deferred_count = trimmed_count = 0;
	leaderless = false;
}
