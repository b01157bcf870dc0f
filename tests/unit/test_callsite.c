/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <monetary.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/callsite.h"
#include "log/module.h"

static int start(void **state)
{
	(void)state;
	return callsite_start() ? 0 : -1;
}

/* Addresses that lie in this program and in libc, as return addresses do. */
static void *here[3];

static void fill_stack(void)
{
	here[0] = (char *)(uintptr_t)fill_stack + 3;
	here[1] = (char *)(uintptr_t)start + 9;
	here[2] = (char *)(uintptr_t)strfmon + 21;
}

static void the_same_stack_is_the_same_callsite(void **state)
{
	unsigned a = callsite_find(PATTERN_UNREAD_CLOSE, OP_CLOSE, here, 3, NULL);

	(void)state;
	assert_int_not_equal(a, 0);
	assert_int_equal(callsite_find(PATTERN_UNREAD_CLOSE, OP_CLOSE, here, 3, NULL), a);
	assert_int_not_equal(callsite_find(PATTERN_UNREAD_CLOSE, OP_DUP2, here, 3, NULL), a);
	assert_int_not_equal(callsite_find(PATTERN_LINGER_ZERO, OP_CLOSE, here, 3, NULL), a);
	assert_int_not_equal(callsite_find(PATTERN_UNREAD_CLOSE, OP_CLOSE, here, 2, NULL), a);
}

/* A program can make any number of them: one for each piece of code that it compiles. */
static void files_of_a_language_leave_room_for_modules(void **state)
{
	char path[32];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "<input-%u>", i);
		module_intern_file(path);
	}
	assert_int_equal(module_intern_file("/srv/one_more.py"), 0);
	assert_int_not_equal(module_intern_file("<input-1>"), 0);
	assert_int_not_equal(module_intern("/usr/lib/libnew.so", "ab12"), 0);
}

static void the_stack_id_depends_on_the_code_alone(void **state)
{
	unsigned a = callsite_find(PATTERN_UNREAD_CLOSE, OP_CLOSE, here, 3, NULL);
	unsigned b = callsite_find(PATTERN_LINGER_ZERO, OP_FCLOSE, here, 3, NULL);
	unsigned c = callsite_find(PATTERN_UNREAD_CLOSE, OP_CLOSE, here, 2, NULL);

	(void)state;
	assert_true(callsite_at(a)->id == callsite_at(b)->id);
	assert_true(callsite_at(a)->id != callsite_at(c)->id);
}

static void frames_are_resolved_to_module_build_id_and_symbol(void **state)
{
	struct callsite *s =
		callsite_at(callsite_find(PATTERN_UNREAD_CLOSE, OP_CLOSE, here, 3, NULL));

	(void)state;
	assert_int_equal(s->frame_count, 3);
	assert_non_null(strstr(callsite_module(&s->frames[0]), "test_callsite"));
	assert_non_null(strstr(callsite_module(&s->frames[2]), "libc.so"));
	assert_int_equal(strlen(callsite_build_id(&s->frames[2])), 40);
	/* 21 bytes past the start is one past the call: looked up at 20. */
	assert_string_equal(callsite_symbol(&s->frames[2]), "strfmon+0x14");
}

static void code_made_at_run_time_has_no_module_and_a_stable_id(void **state)
{
	void *jit_a[2] = {(void *)0x10, here[1]}, *jit_b[2] = {(void *)0x20, here[1]};
	struct callsite *a =
		callsite_at(callsite_find(PATTERN_UNREAD_CLOSE, OP_CLOSE, jit_a, 2, NULL));
	struct callsite *b =
		callsite_at(callsite_find(PATTERN_UNREAD_CLOSE, OP_CLOSE, jit_b, 2, NULL));

	(void)state;
	assert_int_equal(a->frames[0].module, 0);
	assert_ptr_not_equal(a, b);
	assert_true(a->id == b->id);
}

static void a_callsite_is_admitted_so_often_a_second(void **state)
{
	struct callsite *s = callsite_at(callsite_find(PATTERN_TIMED_OUT, OP_READ, here, 3, NULL));
	unsigned told = 0;

	(void)state;
	for (int i = 0; i < 25; i++)
		told += callsite_admit(s, 5000, 10);
	assert_int_equal(told, 10);
	assert_true(callsite_admit(s, 6000, 10));
	assert_false(callsite_admit(s, 7000, 0));
}

static void frames_are_due_at_first_each_minute_and_after_a_reopening(void **state)
{
	struct callsite *s = callsite_at(callsite_find(PATTERN_TIMED_OUT, OP_RECV, here, 3, NULL));

	(void)state;
	assert_true(callsite_frames_due(s, 1000, 1));
	assert_false(callsite_frames_due(s, 1000, 1)); /* in the same millisecond */
	assert_false(callsite_frames_due(s, 2000, 1));
	assert_false(callsite_frames_due(s, 60999, 1));
	assert_true(callsite_frames_due(s, 61002, 1));
	assert_false(callsite_frames_due(s, 62000, 1));
	assert_true(callsite_frames_due(s, 62000, 2));
}

static void a_forked_child_counts_and_tells_anew(void **state)
{
	struct callsite *s = callsite_at(callsite_find(PATTERN_TIMED_OUT, OP_RECV, here, 3, NULL));

	(void)state;
	s->count = 5;
	callsite_forked();
	assert_int_equal(s->count, 0);
	assert_true(callsite_frames_due(s, 62001, 2));
}

static void *find_many(void *arg)
{
	void *stack[1];

	for (uintptr_t i = 1; i <= 200; i++) {
		stack[0] = (char *)(uintptr_t)fill_stack + i;
		if (!callsite_find(PATTERN_PEER_RESET, OP_RECV, stack, 1, NULL))
			*(int *)arg += 1;
	}
	return NULL;
}

static void threads_find_the_same_entries(void **state)
{
	pthread_t t[8];
	int missed[8] = {0};
	unsigned before = callsite_count();

	(void)state;
	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, find_many, &missed[i]);
	for (int i = 0; i < 8; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(missed[i], 0);
	}
	/* Threads that make an entry in the same moment get one each, no more. */
	assert_in_range(callsite_count() - before, 200, 8 * 200);
}

static void a_full_table_counts_the_rest_together(void **state)
{
	void *stack[1];
	unsigned number = 0;

	(void)state;
	for (uintptr_t i = 1; i < 6000; i++) {
		stack[0] = (void *)(i * 64);
		number = callsite_find(PATTERN_PEER_RESET, OP_SEND, stack, 1, NULL);
		assert_int_not_equal(number, 0);
	}
	assert_int_equal(callsite_at(number)->frame_count, 0);
	stack[0] = (void *)(uintptr_t)(7000 * 64);
	assert_int_equal(callsite_find(PATTERN_PEER_RESET, OP_SEND, stack, 1, NULL), number);
	assert_int_equal(callsite_find(PATTERN_NONE, OP_SEND, stack, 1, NULL), 0);
	assert_in_range(callsite_count(), 1, CALLSITES);
	assert_null(callsite_at(0));
	assert_null(callsite_at(CALLSITES + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_stack_is_the_same_callsite),
		cmocka_unit_test(files_of_a_language_leave_room_for_modules),
		cmocka_unit_test(the_stack_id_depends_on_the_code_alone),
		cmocka_unit_test(frames_are_resolved_to_module_build_id_and_symbol),
		cmocka_unit_test(code_made_at_run_time_has_no_module_and_a_stable_id),
		cmocka_unit_test(a_callsite_is_admitted_so_often_a_second),
		cmocka_unit_test(frames_are_due_at_first_each_minute_and_after_a_reopening),
		cmocka_unit_test(a_forked_child_counts_and_tells_anew),
		cmocka_unit_test(threads_find_the_same_entries),
		cmocka_unit_test(a_full_table_counts_the_rest_together),
	};

	fill_stack();
	return cmocka_run_group_tests_name("callsite", tests, start, NULL);
}
