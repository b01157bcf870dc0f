/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "family.h"

static bool forked_alone;

static void *page_of(struct fdrec *r)
{
	return (void *)((uintptr_t)r & ~(uintptr_t)(sysconf(_SC_PAGESIZE) - 1));
}

/* As if another thread forked where the close takes the handle. */
static void fork_in_between(int number)
{
	(void)number;
	mprotect(page_of(rec), 2 * (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE);
	forked_alone = family_fork_begin();
	owner_leave(DOOR_FORK);
}

static void a_close_that_a_fork_comes_in_between_gives_the_count_up(void **state)
{
	struct sigaction trap = {.sa_handler = fork_in_between}, was;
	uint64_t handle;
	bool last;

	(void)state;
	make(false);
	forked();
	forked_alone = true;
	sigaction(SIGSEGV, &trap, &was);
	mprotect(page_of(rec), 2 * (size_t)sysconf(_SC_PAGESIZE), PROT_READ);
	handle = family_close_begin(rec, &last);
	sigaction(SIGSEGV, &was, NULL);
	family_close_end(handle, true);
	assert_false(forked_alone);
	assert_false(last);
	assert_int_equal(holders_count(handle), HOLDERS_UNKNOWN);
}

static bool all_written(int number)
{
	(void)number;
	return true;
}

static bool nothing_written(int number)
{
	(void)number;
	return false;
}

static void an_exit_takes_each_once(void **state)
{
	uint64_t handle;

	(void)state;
	make(false);
	forked();
	forked();
	handle = rec->holders;
	family_exit();
	family_exit();
	family_exit_by_stdio(all_written);
	assert_int_equal(holders_count(handle), 2);
	assert_false(sole());
}

static void *end_by_stdio(void *none)
{
	family_exit_by_stdio(all_written);
	return none;
}

static void an_exit_that_still_flushes_lets_go_of_what_is_written_by_one_thread(void **state)
{
	pthread_t thread;
	uint64_t handle;

	(void)state;
	make(false);
	forked();
	handle = rec->holders;
	assert_int_equal(pthread_create(&thread, NULL, end_by_stdio, NULL), 0);
	pthread_join(thread, NULL);
	while (start_threads() != 1)
		usleep(1000);
	assert_int_equal(holders_count(handle), 2);
	family_exit_by_stdio(nothing_written);
	assert_int_equal(holders_count(handle), 2);
	family_exit_by_stdio(all_written);
	assert_int_equal(holders_count(handle), 1);
}

static void what_has_been_let_go_is_not_proven_by_a_copy(void **state)
{
	struct fdrec copy;

	(void)state;
	make(false);
	forked();
	copy = *rec;
	family_exit();
	assert_int_equal(holders_count(copy.holders), 1);
	assert_false(owner_sole(fd, &copy, facts_cookie(fd)));
}

static void an_exit_beside_a_fork_leaves_the_count_too_high(void **state)
{
	uint64_t handle;

	(void)state;
	make(false);
	assert_true(family_fork_begin());
	handle = rec->holders;
	family_exit();
	owner_leave(DOOR_FORK);
	assert_int_equal(holders_count(handle), 2);
}

static bool as_told(const void *succeeds)
{
	return *(const bool *)succeeds;
}

static void exec_begin(bool succeeds)
{
	family_exec_begin(as_told, &succeeds);
}

static void an_exec_takes_what_is_close_on_exec_and_brings_it_back(void **state)
{
	(void)state;
	make(true);
	forked();
	exec_begin(true);
	assert_int_equal(holders_count(rec->holders), 1);
	family_exec_failed();
	assert_int_equal(holders_count(rec->holders), 2);
	exec_begin(true);
	holders_drop(rec->holders); /* the other one has closed, and was the last */
	family_exec_failed();
	assert_false(sole());
	make(false);
	forked();
	exec_begin(true);
	assert_int_equal(holders_count(rec->holders), 2);
}

static void an_exec_that_fails_takes_nothing(void **state)
{
	(void)state;
	make(true);
	forked();
	exec_begin(false);
	assert_int_equal(holders_count(rec->holders), 2);
	family_exec_failed();
	assert_int_equal(holders_count(rec->holders), 2);
}

/* A handler interrupts it. */
static void what_an_exec_has_taken_is_not_proven_and_not_taken_again(void **state)
{
	uint64_t handle;

	(void)state;
	make(true);
	forked();
	handle = rec->holders;
	exec_begin(true);
	assert_int_equal(holders_count(handle), 1);
	assert_false(sole());
	assert_false(was_last());
	assert_int_equal(holders_count(handle), 1);
	make(true);
	forked();
	handle = rec->holders;
	exec_begin(true);
	family_exit();
	assert_int_equal(holders_count(handle), 1);
}

static void *begin_exec(void *none)
{
	exec_begin(true);
	return none;
}

static void an_exec_beside_a_thread_takes_nothing(void **state)
{
	pthread_t thread;

	(void)state;
	make(true);
	forked();
	assert_int_equal(pthread_create(&thread, NULL, begin_exec, NULL), 0);
	pthread_join(thread, NULL);
	while (start_threads() != 1)
		usleep(1000);
	assert_int_equal(holders_count(rec->holders), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_close_that_a_fork_comes_in_between_gives_the_count_up),
		cmocka_unit_test(an_exit_takes_each_once),
		cmocka_unit_test(
			an_exit_that_still_flushes_lets_go_of_what_is_written_by_one_thread),
		cmocka_unit_test(what_has_been_let_go_is_not_proven_by_a_copy),
		cmocka_unit_test(an_exit_beside_a_fork_leaves_the_count_too_high),
		cmocka_unit_test(an_exec_takes_what_is_close_on_exec_and_brings_it_back),
		cmocka_unit_test(an_exec_that_fails_takes_nothing),
		cmocka_unit_test(what_an_exec_has_taken_is_not_proven_and_not_taken_again),
		cmocka_unit_test(an_exec_beside_a_thread_takes_nothing),
	};

	return cmocka_run_group_tests_name("family ends", tests, start_tables, NULL);
}
