/* SPDX-License-Identifier: MIT */
#include "callsites.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define RST(pattern, id, count) \
	"{\"v\":1,\"event\":\"rst\",\"pattern\":\"" pattern \
	"\",\"op\":\"close\",\"program\":\"p\"," \
	"\"stack_id\":" id ",\"count\":" count "}\n"
#define SITE(pattern, id, count) \
	"{\"pattern\":\"" pattern "\",\"op\":\"close\",\"stack_id\":" id ",\"count\":" count "}"
#define SUMMARY(lost, sites) \
	"{\"v\":1,\"event\":\"summary\",\"program\":\"p\",\"lost\":" lost ",\"callsites\":[" sites \
	"]}\n"

static char path[] = "/tmp/rstfix-callsites-XXXXXX";

static struct callsites *read_log(const char *text)
{
	struct callsites *c = callsites_new();
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_true(callsites_read(c, path));
	return c;
}

static void a_line_of_code_is_one_callsite_for_each_pattern(void **state)
{
	struct callsites *c = read_log(RST("a", "\"1\"", "1") RST("a", "\"1\"", "4")
			RST("b", "\"1\"", "1") RST("a", "\"2\"", "1"));

	(void)state;
	assert_int_equal(callsites_count(c), 3);
	assert_int_equal(callsites_at(c, 0)->count, 5);
	assert_string_equal(callsites_at(c, 1)->pattern, "b");
	assert_true(callsites_known(c, "2"));
	assert_false(callsites_known(c, "3"));
	callsites_free(c);
}

static void a_summary_adds_what_was_held_back_and_counts_nothing_twice(void **state)
{
	struct callsites *c = read_log(RST("a", "\"1\"", "2")
			SUMMARY("3", SITE("a", "\"1\"", "7") "," SITE("b", "\"2\"", "9")));

	(void)state;
	assert_int_equal(callsites_count(c), 2);
	assert_int_equal(callsites_at(c, 0)->count, 7);
	assert_int_equal(callsites_at(c, 1)->count, 9);
	assert_int_equal(callsites_lost(c), 3);
	callsites_free(c);
}

static void an_unknown_stack_is_in_no_baseline(void **state)
{
	struct callsites *c = read_log(RST("a", "null", "1"));

	(void)state;
	assert_int_equal(callsites_count(c), 1);
	assert_string_equal(callsites_at(c, 0)->stack_id, "");
	assert_false(callsites_known(c, ""));
	callsites_free(c);
}

static void a_broken_line_costs_itself_and_is_counted(void **state)
{
	struct callsites *c = read_log("{\"event\":\"rst\",\n" RST("a", "\"1\"", "1") "[]\nx");

	(void)state;
	assert_int_equal(callsites_count(c), 1);
	assert_int_equal(callsites_lost(c), 3);
	callsites_free(c);
}

static void processes_that_were_left_alone_are_counted(void **state)
{
	struct callsites *c = read_log("{\"event\":\"notice\",\"code\":\"sandbox\"}\n"
				       "{\"event\":\"notice\",\"code\":\"time-wait\"}\n");

	(void)state;
	assert_int_equal(callsites_sandboxed(c), 1);
	assert_int_equal(callsites_lost(c), 0);
	callsites_free(c);
}

static void frames_are_fit_for_a_terminal(void **state)
{
	struct callsites *c = read_log("{\"event\":\"rst\",\"pattern\":\"a\",\"stack_id\":\"1\","
				       "\"frames\":[{\"module\":\"/x\\u001b[31m\",\"symbol\":null,"
				       "\"offset\":\"0x1\"}]}");

	(void)state;
	assert_int_equal(callsites_at(c, 0)->frames, 1);
	assert_string_equal(callsites_at(c, 0)->frame[0], "?? (/x?[31m+0x1)");
	callsites_free(c);
}

static void a_file_that_is_not_there_is_no_empty_log(void **state)
{
	struct callsites *c = callsites_new();

	(void)state;
	assert_false(callsites_read(c, "/nonexistent"));
	callsites_free(c);
}

static int make_file(void **state)
{
	(void)state;
	return close(mkstemp(path));
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_of_code_is_one_callsite_for_each_pattern),
		cmocka_unit_test(a_summary_adds_what_was_held_back_and_counts_nothing_twice),
		cmocka_unit_test(an_unknown_stack_is_in_no_baseline),
		cmocka_unit_test(a_broken_line_costs_itself_and_is_counted),
		cmocka_unit_test(processes_that_were_left_alone_are_counted),
		cmocka_unit_test(frames_are_fit_for_a_terminal),
		cmocka_unit_test(a_file_that_is_not_there_is_no_empty_log),
	};

	return cmocka_run_group_tests_name("callsites", tests, make_file, remove_file);
}
