/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>

#include "detect/in_flight.h"

#define SLOTS 256

enum { IN = 40, OUT = 41, OTHER = 42 };

static pthread_barrier_t inside, leave;
static bool leaves;

/* Stands in the call until it may leave it; or is gone while it stands there. */
static void *stand(void *unused)
{
	struct in_flight *call = in_flight_begin(IN, OUT);

	pthread_barrier_wait(&inside);
	pthread_barrier_wait(&leave);
	if (leaves)
		in_flight_end(call);
	return unused;
}

static void begin(pthread_t *threads, unsigned count)
{
	pthread_barrier_init(&inside, NULL, count + 1);
	pthread_barrier_init(&leave, NULL, count + 1);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, stand, NULL), 0);
	pthread_barrier_wait(&inside);
}

static void end(pthread_t *threads, unsigned count, bool orderly)
{
	leaves = orderly;
	pthread_barrier_wait(&leave);
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

static void another_thread_stands_in_a_call_until_it_returns(void **state)
{
	pthread_t thread;

	(void)state;
	begin(&thread, 1);
	assert_true(in_flight_reads(IN));
	assert_true(in_flight_writes(OUT));
	assert_false(in_flight_reads(OUT));
	assert_false(in_flight_writes(IN));
	assert_false(in_flight_reads(OTHER));
	end(&thread, 1, true);
	assert_false(in_flight_reads(IN));
	assert_false(in_flight_writes(OUT));
}

/* The kernel lets pthread_join() return a moment before. */
static bool await_end(bool (*stands)(int), int fd)
{
	for (unsigned i = 0; i < 1000 && stands(fd); i++)
		usleep(1000);
	return !stands(fd);
}

static void a_thread_that_has_ended_in_its_call_stands_there_no_more(void **state)
{
	pthread_t thread;

	(void)state;
	begin(&thread, 1);
	end(&thread, 1, false);
	assert_true(await_end(in_flight_reads, IN));
	assert_true(await_end(in_flight_writes, OUT));
}

/* The thread that asks is in a handler then. */
static void a_thread_is_not_in_its_own_way(void **state)
{
	struct in_flight *call = in_flight_begin(IN, OUT);

	(void)state;
	assert_false(in_flight_reads(IN));
	assert_false(in_flight_writes(OUT));
	assert_int_equal(in_flight_rename(OUT), 0);
	in_flight_end(call);
}

static void a_number_that_is_closed_leaves_its_writers_another_name(void **state)
{
	pthread_t thread;
	int name;

	(void)state;
	assert_int_equal(in_flight_rename(OUT), 0);
	begin(&thread, 1);
	name = in_flight_rename(OUT);
	assert_true(name < 0);
	assert_false(in_flight_writes(OUT));
	assert_true(in_flight_writes(name));
	end(&thread, 1, true);
	assert_false(in_flight_writes(name));
}

static void what_ended_threads_have_left_is_used_again(void **state)
{
	pthread_t thread;

	(void)state;
	for (unsigned i = 0; i < 2 * SLOTS; i++) {
		begin(&thread, 1);
		assert_true(in_flight_writes(OUT));
		assert_false(in_flight_writes(OTHER));
		end(&thread, 1, i % 2);
	}
}

static void with_more_threads_than_slots_each_socket_may_be_in_use(void **state)
{
	pthread_t threads[SLOTS + 1];

	(void)state;
	begin(threads, SLOTS + 1);
	assert_true(in_flight_writes(OTHER));
	assert_true(in_flight_reads(OTHER));
	assert_true(in_flight_rename(OTHER) < 0);
	end(threads, SLOTS + 1, true);
	assert_false(in_flight_writes(OTHER));
}

static void a_forked_child_has_one_thread(void **state)
{
	struct in_flight *call = in_flight_begin(IN, OUT);
	pthread_t thread;

	(void)state;
	begin(&thread, 1);
	in_flight_forked();
	assert_false(in_flight_writes(OUT));
	end(&thread, 1, true);
	in_flight_end(call);
	assert_ptr_equal(in_flight_begin(IN, OUT), call);
	in_flight_end(call);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_thread_stands_in_a_call_until_it_returns),
		cmocka_unit_test(a_thread_that_has_ended_in_its_call_stands_there_no_more),
		cmocka_unit_test(a_thread_is_not_in_its_own_way),
		cmocka_unit_test(a_number_that_is_closed_leaves_its_writers_another_name),
		cmocka_unit_test(what_ended_threads_have_left_is_used_again),
		cmocka_unit_test(with_more_threads_than_slots_each_socket_may_be_in_use),
		cmocka_unit_test(a_forked_child_has_one_thread),
	};

	return cmocka_run_group_tests_name("in_flight", tests, NULL, NULL);
}
