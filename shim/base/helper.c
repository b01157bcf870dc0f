/* SPDX-License-Identifier: MIT */
#include "helper.h"

#include "libc.h"
#include "signals.h"
#include "start.h"
#include "sys.h"

#if defined(__i386__)
#include <asm/ldt.h>
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#define PIDFD_OF_THREAD 0200 /* O_EXCL; Linux 6.9 */
#define UNSHARE_TABLE	2    /* CLOSE_RANGE_UNSHARE */

/* From below: a guard page, the stack, the thread-local area with its end in the middle. */
#define GUARD 4096
#define STACK 65536
#define TLS   32768

enum state { NONE, STARTING, FAILED, RUNNING };

static char *memory;
static uint32_t tid; /* cleared by the kernel when the thread ends: a futex */
static uint32_t state;
static int pidfd;
static int (*body)(void);

static void publish(enum state s)
{
	__atomic_store_n(&state, s, __ATOMIC_SEQ_CST);
	sys4(SYS_futex, &state, FUTEX_WAKE_PRIVATE, INT_MAX, 0);
}

/* Its ticks are not to preempt the program; a program of another policy keeps it. */
static void step_back(void)
{
	const struct sched_param none = {0};

	if (sys1(SYS_sched_getscheduler, 0) == SCHED_OTHER)
		sys3(SYS_sched_setscheduler, 0, SCHED_BATCH, &none);
}

static int enter(void *arg)
{
	long r;

	(void)arg;
	r = sys3(SYS_close_range, 0, ~0U, UNSHARE_TABLE);
	if (r == 0)
		r = sys2(SYS_pidfd_open, self.pid, 0);
	if (r < 0) {
		publish(FAILED);
		return 0;
	}
	pidfd = (int)r;
	sys5(SYS_prctl, PR_SET_NAME, "rstfix", 0, 0, 0);
	step_back();
	publish(RUNNING);
	return body();
}

static bool map_memory(void)
{
	long p;

	if (__atomic_load_n(&memory, __ATOMIC_RELAXED))
		return true;
	p = sys6(SYS_mmap, 0, GUARD + STACK + TLS, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (p < 0 && p > -4096)
		return false;
	sys3(SYS_mprotect, p, GUARD, PROT_NONE);
	__atomic_store_n(&memory, (char *)p, __ATOMIC_RELAXED);
	return true;
}

#if defined(__i386__)
/*
 * The pointer is the base of a segment, of the number that the program's threads use. What lies at it
 * are also the way into the kernel, by which libc ends a thread, and the guards of stack and pointers.
 */
static void *thread_area(void **pointer)
{
	static struct user_desc area;
	const void **own;
	unsigned selector;

	__asm__("movl %%gs:0, %0" : "=r"(own));
	__asm__("movl %%gs, %0" : "=r"(selector));
	memcpy(pointer + 1, own + 1, 7 * sizeof(*pointer));
	area = (struct user_desc){.entry_number = selector >> 3,
		.base_addr = (unsigned)pointer,
		.limit = 0xfffff,
		.seg_32bit = 1,
		.limit_in_pages = 1,
		.useable = 1};
	return &area;
}
#else
static void *thread_area(void **pointer)
{
	return pointer;
}
#endif

/*
 * Thread-local storage of libraries lies on one side of the thread pointer, and what libc keeps of a
 * thread on the other; the pointer's first word is itself.
 */
static bool make(void)
{
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
		CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
	struct signals signals;
	void **pointer = (void **)(memory + GUARD + STACK + TLS / 2);
	int saved = errno, r;

	*pointer = (void *)pointer;
	signals_hold(&signals);
	r = libc_clone(
		enter, memory + GUARD + STACK, flags, NULL, &tid, thread_area(pointer), &tid);
	signals_release(&signals);
	errno = saved; /* libc's clone is no raw call */
	return r > 0;
}

static void wait_on(uint32_t *word, uint32_t value, uint32_t ms)
{
	struct timespec ts = {ms / 1000, (long)(ms % 1000) * 1000000};

	/* The kernel's wake-up at a thread's end is not a private one. */
	sys4(SYS_futex, word, word == &tid ? FUTEX_WAIT : FUTEX_WAIT_PRIVATE, value, &ts);
}

bool helper_start(int (*fn)(void))
{
	uint32_t was = NONE;
	unsigned tries;

	if (!__atomic_compare_exchange_n(
		    &state, &was, STARTING, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) &&
		(was == STARTING || helper_running() || /* else it has ended */
			!__atomic_compare_exchange_n(
				&state, &was, STARTING, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)))
		return false;
	body = fn;
	if (__atomic_load_n(&tid, __ATOMIC_SEQ_CST) || !map_memory() || !make()) {
		__atomic_store_n(&state, NONE, __ATOMIC_SEQ_CST);
		return false;
	}
	for (tries = 0; tries < 100 && __atomic_load_n(&state, __ATOMIC_SEQ_CST) == STARTING;
		tries++)
		wait_on(&state, STARTING, 10);
	if (__atomic_load_n(&state, __ATOMIC_SEQ_CST) == RUNNING)
		return true;
	helper_await_end(100);
	return false;
}

/* The futex is cleared a moment before the thread ceases to count as one. */
static void await_release(int t)
{
	unsigned tries;

	for (tries = 0; tries < 1000; tries++) {
		struct timespec tick = {0, 20000};

		if (sys3(SYS_tgkill, self.pid, t, 0) == -ESRCH)
			return;
		sys5(SYS_ppoll, 0, 0, &tick, 0, 0);
	}
}

bool helper_await_end(uint32_t ms)
{
	uint32_t until = start_now_ms() + ms, now, t = __atomic_load_n(&tid, __ATOMIC_SEQ_CST);

	/* Another one may be made meanwhile: that one is not waited for. */
	while (t && __atomic_load_n(&tid, __ATOMIC_SEQ_CST) == t) {
		now = start_now_ms();
		if ((int32_t)(until - now) <= 0)
			return false;
		wait_on(&tid, t, until - now);
	}
	if (t)
		await_release((int)t);
	return true;
}

bool helper_running(void)
{
	return __atomic_load_n(&tid, __ATOMIC_SEQ_CST) != 0;
}

void helper_forked(void)
{
	tid = 0;
	state = NONE;
}

bool helper_is_self(void)
{
	const char *here = __builtin_frame_address(0);
	const char *from = __atomic_load_n(&memory, __ATOMIC_RELAXED);

	return from && here > from && here < from + GUARD + STACK;
}

static long borrow_by(long thread, int fd)
{
	long p = sys2(SYS_pidfd_open, thread, PIDFD_OF_THREAD), r;

	if (p < 0)
		return -ESRCH;
	r = sys3(SYS_pidfd_getfd, p, fd, 0);
	sys1(SYS_close, p);
	return r;
}

/* linux_dirent64 has a name that begins at its 20th byte, and its own length before. */
static long next_thread(const char **at)
{
	const char *entry = *at, *c = entry + 19;
	uint16_t length;
	long number = 0;

	memcpy(&length, entry + 16, sizeof(length));
	*at = entry + length;
	for (; *c >= '0' && *c <= '9'; c++)
		number = number * 10 + *c - '0';
	return number;
}

/* By the first of the program's threads that has not ended. */
static long borrow_by_any(int fd)
{
	long folder = sys4(
		SYS_openat, AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	long r = -ESRCH, n, thread;
	char entries[2048];
	const char *at;

	while (r == -ESRCH && folder >= 0 &&
		(n = sys3(SYS_getdents64, folder, entries, sizeof(entries))) > 0) {
		for (at = entries; r == -ESRCH && at < entries + n;) {
			thread = next_thread(&at);
			if (thread && thread != self.pid && thread != (long)tid)
				r = borrow_by(thread, fd);
		}
	}
	if (folder >= 0)
		sys1(SYS_close, folder);
	return r;
}

int helper_borrow(int fd, int thread)
{
	long r = sys3(SYS_pidfd_getfd, pidfd, fd, 0);

	if (r == -ESRCH && thread)
		r = borrow_by(thread, fd);
	if (r == -ESRCH)
		r = borrow_by_any(fd);
	return (int)r;
}
