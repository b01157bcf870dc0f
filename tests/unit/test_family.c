/* SPDX-License-Identifier: MIT */
#include <sys/wait.h>

#include "detect/giving.h"
#include "family.h"

static void the_last_of_the_counted_is_known_to_be_it(void **state)
{
	uint64_t handle = holders_new(holders_epoch(), 2);

	(void)state;
	assert_int_equal(holders_add(handle), 3);
	assert_int_equal(holders_drop(handle), 2);
	assert_int_equal(holders_drop(handle), 1);
	assert_false(holders_drop_unless_last(handle));
	assert_int_equal(holders_drop(handle), 0);
	assert_int_equal(holders_drop(handle), HOLDERS_UNKNOWN);
	assert_int_equal(holders_add(handle), HOLDERS_UNKNOWN);
}

static void what_is_spoilt_stays_so(void **state)
{
	uint64_t handle = holders_new(holders_epoch(), 1);

	(void)state;
	holders_spoil(handle);
	assert_int_equal(holders_count(handle), HOLDERS_UNKNOWN);
	assert_int_equal(holders_drop(handle), HOLDERS_UNKNOWN);
	assert_int_equal(holders_add(handle), HOLDERS_UNKNOWN);
}

static void the_end_of_an_epoch_ends_what_was_begun_in_it_too(void **state)
{
	uint32_t epoch = holders_epoch();
	uint64_t before = holders_new(epoch, 1), after;

	(void)state;
	holders_void();
	after = holders_new(epoch, 1);
	assert_int_equal(holders_count(before), HOLDERS_UNKNOWN);
	assert_int_equal(holders_count(after), HOLDERS_UNKNOWN);
	assert_int_equal(holders_count(holders_new(holders_epoch(), 1)), 1);
}

static void the_oldest_counter_gives_way(void **state)
{
	uint64_t oldest = holders_new(holders_epoch(), 1), second = holders_new(holders_epoch(), 1);
	unsigned i;

	(void)state;
	for (i = 0; i < 65536 - 1; i++)
		holders_new(holders_epoch(), 5);
	assert_int_equal(holders_count(oldest), HOLDERS_UNKNOWN);
	assert_int_equal(holders_drop(oldest), HOLDERS_UNKNOWN);
	assert_int_equal(holders_count(second), 1);
}

static void what_is_being_sent_is_not_proven_and_is_again_if_it_was_not_sent(void **state)
{
	(void)state;
	make(true);
	giving_begin(rec);
	assert_false(sole());
	giving_begin(rec);
	giving_end(rec, false);
	assert_false(sole());
	giving_end(rec, false);
	assert_true(sole());
	giving_begin(rec);
	giving_end(rec, true);
	assert_false(sole());
}

static void a_counted_socket_that_is_being_sent_has_one_holder_more(void **state)
{
	(void)state;
	make(true);
	forked();
	assert_int_equal(holders_drop(rec->holders), 1); /* the child has closed it */
	assert_true(sole());
	giving_begin(rec);
	assert_false(sole());
	giving_end(rec, false);
	assert_true(sole());
	giving_begin(rec);
	assert_false(was_last());
}

static void what_is_being_sent_is_not_counted_for_a_child(void **state)
{
	(void)state;
	make(true);
	giving_begin(rec);
	forked();
	assert_int_equal(rec->holders, 0);
	giving_end(rec, false);
	assert_false(sole());
}

static void a_fork_makes_two_holders_and_the_last_one_is_proven(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	make(false);
	forked();
	assert_false(sole());
	pid = fork(); /* not through a door: it is the child that was counted */
	if (pid == 0)
		_exit(was_last() ? 1 : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(sole());
	assert_true(was_last());
}

static void a_fork_that_failed_is_taken_back(void **state)
{
	(void)state;
	make(false);
	assert_true(family_fork_begin());
	family_fork_undone();
	owner_leave(DOOR_FORK);
	assert_true(sole());
}

static void two_forks_at_a_time_prove_nothing(void **state)
{
	(void)state;
	make(false);
	assert_true(family_fork_begin());
	assert_false(family_fork_begin());
	owner_leave(DOOR_FORK);
	owner_leave(DOOR_FORK);
	assert_false(was_last());
	make(false);
	assert_true(sole());
	forked();
	assert_false(was_last());
}

static void a_fork_beside_a_duplication_counts_nothing(void **state)
{
	(void)state;
	make(false);
	assert_true(family_dup_begin(fd, rec));
	rec->flags |= REC_SHARED;
	assert_false(family_fork_begin());
	owner_leave(DOOR_FORK);
	family_dup_end(rec, false);
	assert_false(sole());
}

static void a_duplication_beside_a_fork_is_not_counted(void **state)
{
	(void)state;
	make(false);
	assert_true(family_fork_begin());
	assert_true(family_dup_begin(fd, rec));
	owner_leave(DOOR_FORK);
	family_dup_end(rec, true);
	assert_int_equal(holders_count(rec->holders), HOLDERS_UNKNOWN);
}

static void a_close_beside_a_fork_leaves_the_count_too_high(void **state)
{
	uint64_t handle;
	bool last;

	(void)state;
	make(false);
	forked();
	handle = rec->holders;
	assert_true(family_fork_begin());
	assert_true(family_close_begin(rec, &last) == handle);
	family_close_end(handle, true);
	owner_leave(DOOR_FORK);
	assert_false(last);
	assert_int_equal(holders_count(handle), 3);
}

static void a_duplicate_counts_and_its_failure_does_not(void **state)
{
	(void)state;
	make(false);
	assert_true(family_dup_begin(fd, rec));
	rec->flags |= REC_SHARED;
	family_dup_end(rec, false);
	assert_true(sole());
	assert_true(family_dup_begin(fd, rec));
	family_dup_end(rec, true);
	assert_false(sole());
}

static void a_program_executed_holds_what_is_not_close_on_exec(void **state)
{
	(void)state;
	make(true);
	forked();
	owner_enter(DOOR_SPAWN);
	family_spawn_begin();
	owner_leave(DOOR_SPAWN);
	assert_int_equal(holders_count(rec->holders), 2);
	family_exposed(rec);
	owner_enter(DOOR_SPAWN);
	family_spawn_begin();
	owner_leave(DOOR_SPAWN);
	assert_int_equal(holders_count(rec->holders), HOLDERS_UNKNOWN);
}

static void what_an_epoll_goes_on_telling_of_must_not_linger(void **state)
{
	uint64_t handle;

	(void)state;
	make(false);
	forked();
	handle = rec->holders;
	rec->epoll_count = 1;
	rec->epoll_pid = self.pid;
	assert_false(was_last());
	assert_int_equal(holders_count(handle), HOLDERS_UNKNOWN);
	make(false);
	forked();
	handle = rec->holders;
	rec->epoll_count = 1;
	rec->epoll_pid = self.pid + 1; /* the parent's, which is to take it back itself */
	assert_false(was_last());
	assert_int_equal(holders_count(handle), 1);
}

static void a_failed_close_proves_nothing(void **state)
{
	uint64_t handle;
	bool last;

	(void)state;
	make(false);
	forked();
	handle = family_close_begin(rec, &last);
	family_close_end(handle, false);
	assert_int_equal(holders_count(handle), HOLDERS_UNKNOWN);
}

static void a_passive_process_counts_nothing(void **state)
{
	(void)state;
	make(false);
	fdhint_shut();
	assert_false(family_fork_begin());
	owner_leave(DOOR_FORK);
	fdhint_open();
	assert_true(rec->holders == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_of_the_counted_is_known_to_be_it),
		cmocka_unit_test(what_is_spoilt_stays_so),
		cmocka_unit_test(the_end_of_an_epoch_ends_what_was_begun_in_it_too),
		cmocka_unit_test(the_oldest_counter_gives_way),
		cmocka_unit_test(what_is_being_sent_is_not_proven_and_is_again_if_it_was_not_sent),
		cmocka_unit_test(a_counted_socket_that_is_being_sent_has_one_holder_more),
		cmocka_unit_test(what_is_being_sent_is_not_counted_for_a_child),
		cmocka_unit_test(a_fork_makes_two_holders_and_the_last_one_is_proven),
		cmocka_unit_test(a_fork_that_failed_is_taken_back),
		cmocka_unit_test(two_forks_at_a_time_prove_nothing),
		cmocka_unit_test(a_fork_beside_a_duplication_counts_nothing),
		cmocka_unit_test(a_duplication_beside_a_fork_is_not_counted),
		cmocka_unit_test(a_close_beside_a_fork_leaves_the_count_too_high),
		cmocka_unit_test(a_duplicate_counts_and_its_failure_does_not),
		cmocka_unit_test(a_program_executed_holds_what_is_not_close_on_exec),
		cmocka_unit_test(what_an_epoll_goes_on_telling_of_must_not_linger),
		cmocka_unit_test(a_failed_close_proves_nothing),
		cmocka_unit_test(a_passive_process_counts_nothing),
	};

	return cmocka_run_group_tests_name("family", tests, start_tables, NULL);
}
