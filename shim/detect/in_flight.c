/* SPDX-License-Identifier: MIT */
#include "in_flight.h"

#include "../base/format.h"
#include "../base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Threads that have a slot. It stays theirs until they have ended, and another has need of it. */
#define MOST 256

#define NONE (-1)

/* A line of the cache each: threads that send files all day must not wait for each other. */
struct in_flight {
	_Alignas(64) int tid; /* 0: free */
	int in, out;	      /* descriptors, or a name of in_flight_rename(); NONE: in no call */
};

static struct in_flight calls[MOST];
static unsigned used; /* slots that ever were somebody's */

/*
 * All slots are taken: how many calls of others are in progress, whatever it is that they use. One that is
 * cancelled there stays counted.
 */
static struct in_flight crowd;
static uint32_t crowded;

static __thread struct in_flight *mine __attribute__((tls_model("initial-exec")));

static bool is_task(int tid)
{
	struct stat st;
	char buf[64];
	struct text path = text_on(buf, sizeof(buf));

	text_str(&path, "/proc/self/task/");
	text_i64(&path, tid);
	return sys4(SYS_newfstatat, AT_FDCWD, text_end(&path), &st, 0) != -ENOENT;
}

/* Where /proc is that of other processes it does not know the one that asks either. */
static bool has_ended(int tid, int own)
{
	return !is_task(tid) && is_task(own);
}

static bool take(struct in_flight *c, int from, int tid)
{
	if (!__atomic_compare_exchange_n(
		    &c->tid, &from, tid, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(&c->in, NONE, __ATOMIC_RELAXED);
	__atomic_store_n(&c->out, NONE, __ATOMIC_RELAXED);
	return true;
}

static void note_used(unsigned count)
{
	unsigned now = __atomic_load_n(&used, __ATOMIC_RELAXED);

	while (now < count &&
		!__atomic_compare_exchange_n(
			&used, &now, count, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

static struct in_flight *find_free(int tid)
{
	for (unsigned i = 0; i < MOST; i++) {
		if (__atomic_load_n(&calls[i].tid, __ATOMIC_RELAXED) || !take(&calls[i], 0, tid))
			continue;
		note_used(i + 1);
		return &calls[i];
	}
	return NULL;
}

static struct in_flight *find_left(int tid)
{
	for (unsigned i = 0; i < MOST; i++) {
		int other = __atomic_load_n(&calls[i].tid, __ATOMIC_RELAXED);

		if (has_ended(other, tid) && take(&calls[i], other, tid))
			return &calls[i];
	}
	return NULL;
}

/* Once a thread. */
static __attribute__((noinline, cold)) void claim(void)
{
	int tid = (int)sys0(SYS_gettid);

	mine = find_free(tid);
	if (!mine)
		mine = find_left(tid);
	if (!mine)
		mine = &crowd;
}

struct in_flight *in_flight_begin(int in, int out)
{
	if (!start_may_note())
		return NULL;
	if (!mine)
		claim();
	if (mine == &crowd) {
		__atomic_add_fetch(&crowded, 1, __ATOMIC_SEQ_CST);
		return mine;
	}
	__atomic_store_n(&mine->in, in, __ATOMIC_RELAXED);
	__atomic_store_n(&mine->out, out, __ATOMIC_SEQ_CST);
	return mine;
}

/* As start_busy_leave(): nothing is counted in a child that a handler has forked. */
static void leave_crowd(void)
{
	uint32_t n = __atomic_load_n(&crowded, __ATOMIC_SEQ_CST);

	while (n &&
		!__atomic_compare_exchange_n(
			&crowded, &n, n - 1, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}

void in_flight_end(struct in_flight *call)
{
	if (call == &crowd) {
		leave_crowd();
		return;
	}
	__atomic_store_n(&call->in, NONE, __ATOMIC_RELEASE);
	__atomic_store_n(&call->out, NONE, __ATOMIC_RELEASE);
}

/*
 * What this thread itself was in, a handler has interrupted: the kernel has left it. Nor is anything held
 * by what was cancelled there.
 */
static bool stands(const struct in_flight *c, const int *at, int number)
{
	int own, tid;

	if (__atomic_load_n(at, __ATOMIC_SEQ_CST) != number)
		return false;
	own = (int)sys0(SYS_gettid);
	tid = __atomic_load_n(&c->tid, __ATOMIC_RELAXED);
	return tid && tid != own && !has_ended(tid, own);
}

static bool is_crowded(void)
{
	return __atomic_load_n(&crowded, __ATOMIC_SEQ_CST) != 0;
}

static unsigned slots(void)
{
	return __atomic_load_n(&used, __ATOMIC_ACQUIRE);
}

bool in_flight_reads(int fd)
{
	for (unsigned i = 0, n = slots(); i < n; i++)
		if (stands(&calls[i], &calls[i].in, fd))
			return true;
	return is_crowded();
}

bool in_flight_writes(int fd)
{
	for (unsigned i = 0, n = slots(); i < n; i++)
		if (stands(&calls[i], &calls[i].out, fd))
			return true;
	return is_crowded();
}

/* The number is given to another socket soon, which these have nothing to do with. */
int in_flight_rename(int fd)
{
	static unsigned names;
	int name = NONE - 1 - (int)(__atomic_fetch_add(&names, 1, __ATOMIC_RELAXED) & 0x3fffffff);
	bool any = is_crowded();

	for (unsigned i = 0, n = slots(); i < n; i++) {
		int from = fd;

		any |= stands(&calls[i], &calls[i].out, fd) &&
			__atomic_compare_exchange_n(&calls[i].out, &from, name, false,
				__ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	}
	return any ? name : 0;
}

void in_flight_forked(void)
{
	for (unsigned i = 0; i < used; i++) {
		calls[i].tid = &calls[i] == mine ? self.pid : 0;
		calls[i].in = calls[i].out = NONE;
	}
	crowded = 0;
}
