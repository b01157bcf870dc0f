/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "detect/facts.h"
#include "detect/owner.h"

static int fd = -1;
static struct fdrec rec;

static void make(bool cloexec)
{
	struct owner_mark mark = owner_mark();

	if (fd >= 0)
		close(fd);
	fd = socket(AF_INET, SOCK_STREAM | (cloexec ? SOCK_CLOEXEC : 0), 0);
	assert_true(fd >= 0);
	rec = (struct fdrec){.cookie = facts_cookie(fd)};
	owner_made(&rec, &mark, cloexec);
}

static bool sole(void)
{
	return owner_sole(fd, &rec, facts_cookie(fd));
}

static void a_socket_made_here_and_nothing_since_is_proven(void **state)
{
	(void)state;
	make(false);
	assert_true(sole());
}

static void a_fork_since_ends_the_proof(void **state)
{
	(void)state;
	make(true);
	owner_enter(DOOR_FORK);
	assert_false(sole());
	owner_leave(DOOR_FORK);
	assert_false(sole());
	make(true);
	assert_true(sole());
}

static void a_socket_made_while_a_fork_is_in_flight_is_never_proven(void **state)
{
	(void)state;
	owner_enter(DOOR_FORK);
	make(true);
	assert_false(sole());
	owner_leave(DOOR_FORK);
	assert_false(sole());
}

static void a_spawn_spares_close_on_exec_sockets_only(void **state)
{
	(void)state;
	make(true);
	owner_enter(DOOR_SPAWN);
	assert_true(sole());
	owner_leave(DOOR_SPAWN);
	assert_true(sole());
	make(false);
	owner_enter(DOOR_SPAWN);
	owner_leave(DOOR_SPAWN);
	assert_false(sole());
}

static void a_socket_made_while_programs_are_executed_is_proven_by_close_on_exec(void **state)
{
	(void)state;
	owner_enter(DOOR_SPAWN);
	__atomic_add_fetch(&owner_forks, OWNER_VFORK, __ATOMIC_SEQ_CST);
	make(true);
	assert_false(sole());
	__atomic_sub_fetch(&owner_forks, OWNER_VFORK, __ATOMIC_SEQ_CST);
	assert_true(sole());
	owner_leave(DOOR_SPAWN);
	assert_true(sole());
}

static void several_tables_end_the_proof_of_this_process_alone(void **state)
{
	(void)state;
	make(true);
	owner_split();
	owner_split();
	assert_false(sole());
	make(true);
	assert_false(sole());
	owner_forked();
	make(true);
	assert_true(sole());
	owner_split();
	assert_false(sole());
	owner_forked();
}

static void close_on_exec_that_was_taken_away_spares_nothing(void **state)
{
	(void)state;
	make(true);
	fcntl(fd, F_SETFD, 0);
	owner_enter(DOOR_SPAWN);
	owner_leave(DOOR_SPAWN);
	assert_false(sole());
}

static void a_duplicate_or_a_foreign_socket_is_not_proven(void **state)
{
	(void)state;
	make(false);
	rec.flags |= REC_SHARED;
	assert_false(sole());
	make(false);
	rec.flags &= (uint16_t)~REC_MADE;
	assert_false(sole());
}

static void a_record_that_outlived_its_socket_proves_nothing(void **state)
{
	(void)state;
	make(false);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_false(sole());
}

static void what_a_forked_child_inherits_is_not_proven(void **state)
{
	(void)state;
	make(false);
	owner_forked();
	assert_false(sole());
	make(false);
	assert_true(sole());
}

/* Else each clean close of a server that has once run a program would ask the kernel one thing more. */
static void what_nobody_else_could_have_was_never_shared(void **state)
{
	(void)state;
	make(true);
	assert_false(owner_was_shared(&rec));
	owner_enter(DOOR_SPAWN);
	__atomic_add_fetch(&owner_forks, OWNER_VFORK, __ATOMIC_SEQ_CST);
	assert_false(owner_was_shared(&rec));
	__atomic_sub_fetch(&owner_forks, OWNER_VFORK, __ATOMIC_SEQ_CST);
	owner_leave(DOOR_SPAWN);
	assert_false(owner_was_shared(&rec));
	owner_enter(DOOR_FORK);
	owner_leave(DOOR_FORK);
	assert_true(owner_was_shared(&rec));
	make(false);
	assert_false(owner_was_shared(&rec));
}

static void what_another_process_may_have_had_was_shared(void **state)
{
	(void)state;
	owner_enter(DOOR_FORK);
	make(true);
	owner_leave(DOOR_FORK);
	assert_true(owner_was_shared(&rec));
	make(false);
	owner_enter(DOOR_SPAWN);
	assert_true(owner_was_shared(&rec));
	owner_leave(DOOR_SPAWN);
	assert_true(owner_was_shared(&rec));
	make(true);
	rec.taken = 1;
	assert_true(owner_was_shared(&rec));
	make(true);
	rec.flags |= REC_SHARED;
	assert_true(owner_was_shared(&rec));
	make(true);
	owner_forked();
	assert_true(owner_was_shared(&rec));
}

static void the_kernel_tells_after_the_close_whether_somebody_holds_it(void **state)
{
	int other, watch;

	(void)state;
	make(false);
	other = dup(fd);
	watch = owner_watch(fd);
	assert_true(watch >= 0);
	close(fd);
	assert_int_equal(owner_still_held(watch, fd), OWNER_HELD);
	watch = owner_watch(other);
	close(other);
	assert_int_equal(owner_still_held(watch, other), OWNER_GONE);
	fd = -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_made_here_and_nothing_since_is_proven),
		cmocka_unit_test(a_fork_since_ends_the_proof),
		cmocka_unit_test(a_socket_made_while_a_fork_is_in_flight_is_never_proven),
		cmocka_unit_test(a_spawn_spares_close_on_exec_sockets_only),
		cmocka_unit_test(
			a_socket_made_while_programs_are_executed_is_proven_by_close_on_exec),
		cmocka_unit_test(several_tables_end_the_proof_of_this_process_alone),
		cmocka_unit_test(close_on_exec_that_was_taken_away_spares_nothing),
		cmocka_unit_test(a_duplicate_or_a_foreign_socket_is_not_proven),
		cmocka_unit_test(a_record_that_outlived_its_socket_proves_nothing),
		cmocka_unit_test(what_a_forked_child_inherits_is_not_proven),
		cmocka_unit_test(what_nobody_else_could_have_was_never_shared),
		cmocka_unit_test(what_another_process_may_have_had_was_shared),
		cmocka_unit_test(the_kernel_tells_after_the_close_whether_somebody_holds_it),
	};

	return cmocka_run_group_tests_name("owner", tests, NULL, NULL);
}
