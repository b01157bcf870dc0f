/* SPDX-License-Identifier: MIT */
/*
 * Sockets that many threads hand over to the reaper, beside what makes the two of them disagree: ends,
 * lost channels, calls that it makes as well, reading sides that are due. For ThreadSanitizer above all
 * (`make sanitize`); what the kernel does in between is out of its sight, memory is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/helper.h"
#include "base/libc.h"
#include "base/start.h"
#include "fix/deferred.h"
#include "fix/linger.h"
#include "fix/reaper.h"
#include "log/callsite.h"
#include "log/sink.h"
#include "netns.h"

enum { THREADS = 8, EACH = 60, STACK = 65536 };

/* --- the helper thread as one that a sanitizer knows of, on the stack that clone() is given --- */

static struct {
	int (*body)(void *);
	char *stack_end;
	int *parent_tid, *child_tid;
	ucontext_t outside, inside;
} helper;

static void run_body(void)
{
	helper.body(NULL);
}

static void *be_the_helper(void *unused)
{
	int *tid;

	getcontext(&helper.inside);
	helper.inside.uc_stack.ss_sp = helper.stack_end - STACK;
	helper.inside.uc_stack.ss_size = STACK;
	helper.inside.uc_link = &helper.outside;
	makecontext(&helper.inside, run_body, 0);
	__atomic_store_n(helper.parent_tid, gettid(), __ATOMIC_SEQ_CST);
	swapcontext(&helper.outside, &helper.inside);
	tid = helper.child_tid; /* another one may begin from there on */
	__atomic_store_n(tid, 0, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, tid, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	return unused;
}

static int clone_as_pthread(
	int (*fn)(void *), void *stack, int flags, void *arg, void *ptid, void *tls, void *ctid)
{
	pthread_t thread;
	int tid;

	(void)flags;
	(void)arg;
	(void)tls;
	helper.body = fn;
	helper.stack_end = stack;
	helper.parent_tid = ptid;
	helper.child_tid = ctid;
	if (pthread_create(&thread, NULL, be_the_helper, NULL) != 0)
		return -1;
	pthread_detach(thread);
	while ((tid = __atomic_load_n((int *)ptid, __ATOMIC_SEQ_CST)) == 0)
		sched_yield();
	return tid;
}

/* --- sockets --- */

/* fds[0] has five bytes unread, fds[1] is its peer. */
static bool connect_unread(int fds[2])
{
	struct sockaddr_in where = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct pollfd input = {.events = POLLIN};
	socklen_t len = sizeof(where);

	fds[1] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&where, len) != 0 || listen(listener, 1) != 0 ||
		getsockname(listener, (struct sockaddr *)&where, &len) != 0 ||
		connect(fds[1], (struct sockaddr *)&where, len) != 0 ||
		write(fds[1], "hello", 5) != 5)
		return false;
	fds[0] = input.fd = accept(listener, NULL, NULL);
	close(listener);
	return fds[0] >= 0 && poll(&input, 1, 5000) == 1;
}

/* --- what a lingering close does (intercept/mending.c) --- */

static uint32_t handed, kept, broken;
static bool ending;

static void hand_over(int fd)
{
	struct fdrec *rec = fdhint_begin(fd, HINT_STREAM);
	struct parcel p = {.bounds = {.idle_ms = 300, .total_ms = 1000, .bytes = 1 << 20}};
	struct event *e = &p.event;
	struct facts f;

	e->pattern = PATTERN_UNREAD_CLOSE;
	e->op = OP_CLOSE;
	e->action = ACTION_FIX;
	e->outcome = OUTCOME_LINGERING;
	if (!facts_ask(fd, 0, &f))
		__atomic_add_fetch(&broken, 1, __ATOMIC_RELAXED);
	event_locate(e, __builtin_return_address(0));
	event_about(e, fd, &f, rec);
	event_tell(e);
	drain_half_close(fd);
	if (linger_adopt(fd, &p))
		__atomic_add_fetch(&handed, 1, __ATOMIC_RELAXED);
	else
		__atomic_add_fetch(&kept, 1, __ATOMIC_RELAXED);
	fdhint_forget(fd);
	close(fd);
}

static void *hand_over_many(void *unused)
{
	int fds[2];

	for (int i = 0; i < EACH; i++) {
		if (!connect_unread(fds)) {
			__atomic_add_fetch(&broken, 1, __ATOMIC_RELAXED);
			continue;
		}
		hand_over(fds[0]);
		close(fds[1]);
	}
	return unused;
}

static void run_threads(void *(*body)(void *), pthread_t threads[THREADS])
{
	handed = kept = broken = 0;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, body, NULL), 0);
}

static void join_threads(pthread_t threads[THREADS])
{
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(broken, 0);
}

static uint64_t ended(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < callsite_count(); i++) {
		for (unsigned o = 0; callsite_nth(i) && o < OUTCOME_COUNT; o++)
			sum += callsite_outcomes(callsite_nth(i), (enum outcome)o);
	}
	return sum;
}

/* --- tests --- */

/* One that could not be had is not asked for again within a second. */
static void await_reaper(void)
{
	for (int tries = 0; !linger_ready() && tries < 200; tries++)
		usleep(10000);
}

static void what_many_threads_hand_over_is_told_once_each(void **state)
{
	uint64_t before = ended();
	pthread_t threads[THREADS];

	(void)state;
	run_threads(hand_over_many, threads);
	join_threads(threads);
	linger_settle(false);
	assert_int_equal(kept, 0);
	assert_int_equal(ended() - before, handed);
}

static bool on(void)
{
	return !__atomic_load_n(&ending, __ATOMIC_RELAXED);
}

static void *settle_now_and_then(void *unused)
{
	for (; on(); usleep(20000))
		linger_settle(false);
	return unused;
}

static void *disturb(void *unused)
{
	for (unsigned i = 0; on(); i++, usleep(1000)) {
		if (i % 8 == 3)
			linger_give_way();
		else if (i % 8 == 7)
			linger_yield(0, INT_MAX);
		else
			linger_identity(SYS_sched_yield, 0, 0, 0);
	}
	return unused;
}

/* A channel that is given back may hold sockets: they are still taken. */
static void a_reaper_that_ends_and_begins_again_loses_none(void **state)
{
	uint64_t before = ended();
	pthread_t threads[THREADS], disturber[2];

	(void)state;
	ending = false;
	run_threads(hand_over_many, threads);
	pthread_create(&disturber[0], NULL, settle_now_and_then, NULL);
	pthread_create(&disturber[1], NULL, disturb, NULL);
	join_threads(threads);
	__atomic_store_n(&ending, true, __ATOMIC_RELAXED);
	pthread_join(disturber[0], NULL);
	pthread_join(disturber[1], NULL);
	linger_settle(false);
	assert_int_equal(handed, THREADS * EACH);
	assert_int_equal(ended() - before, handed);
}

/* Long enough for it to have gone to sleep, with the channel that is taken from it then. */
static void a_reaper_that_sleeps_gets_another_channel(void **state)
{
	int fds[2];

	(void)state;
	await_reaper();
	handed = kept = broken = 0;
	for (int i = 0; i < 2; i++) {
		usleep(300000);
		linger_give_way();
		assert_true(connect_unread(fds));
		hand_over(fds[0]);
		close(fds[1]);
	}
	linger_settle(false);
	assert_int_equal(broken, 0);
	assert_int_equal(handed, 2);
}

/* Its reading side is shut in the end, unless it was taken: then it is not. */
static void defer_one(int fd, int how)
{
	uint64_t cookie = facts_cookie(fd);
	bool added = deferred_add(fd, cookie), taken = false;
	char byte[8];

	if (how == 0)
		taken = deferred_take(fd, cookie);
	else if (how == 1)
		deferred_settle(fd);
	else if (how == 2)
		deferred_settle_all();
	else
		usleep(1000);
	while (!taken && added && (fdhint_get(fd) & HINT_DEFERRED))
		usleep(1000);
	while (recv(fd, byte, sizeof(byte), MSG_DONTWAIT) > 0)
		;
	if (added && (recv(fd, byte, 1, MSG_DONTWAIT) == 0) == taken)
		__atomic_add_fetch(&broken, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(added ? &handed : &kept, 1, __ATOMIC_RELAXED);
}

static void *defer_many(void *unused)
{
	int fds[2];

	for (int i = 0; i < EACH; i++) {
		if (!connect_unread(fds)) {
			__atomic_add_fetch(&broken, 1, __ATOMIC_RELAXED);
			continue;
		}
		fdhint_begin(fds[0], HINT_STREAM);
		defer_one(fds[0], i % 16 == 3 ? 3 : i % 3);
		fdhint_forget(fds[0]);
		close(fds[0]);
		close(fds[1]);
	}
	return unused;
}

static void each_reading_side_that_is_due_is_shut_or_taken(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	await_reaper();
	run_threads(defer_many, threads);
	join_threads(threads);
	assert_int_equal(deferred_count, 0);
	assert_int_equal(handed, THREADS * EACH);
	linger_settle(false);
}

static int start_shim(void **state)
{
	static char *settings[] = {"RSTFIX_MODE=fix", "RSTFIX_LOG=/dev/null", "RSTFIX_FORMAT=json",
		"RSTFIX_EXIT=1s", "RSTFIX_BACKTRACE=0", NULL};
	static char *args[] = {"test_handover", NULL};
	char why[128];

	(void)state;
	if (!netns_enter(why, sizeof(why))) {
		print_message("%s\n", why);
		return -1;
	}
	start(1, args, settings);
	libc_clone = clone_as_pthread;
	return fdhint_covers(0) ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_many_threads_hand_over_is_told_once_each),
		cmocka_unit_test(a_reaper_that_ends_and_begins_again_loses_none),
		cmocka_unit_test(a_reaper_that_sleeps_gets_another_channel),
		cmocka_unit_test(each_reading_side_that_is_due_is_shut_or_taken),
	};

	return cmocka_run_group_tests_name("handover", tests, start_shim, NULL);
}
