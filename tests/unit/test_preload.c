/* SPDX-License-Identifier: MIT */
#include "preload.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/rstfix-preload-XXXXXX";
static char library[64], other_name[64];

static int make_files(void **state)
{
	FILE *file;

	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(library, sizeof(library), "%s/a.so", directory);
	snprintf(other_name, sizeof(other_name), "%s/b.so", directory);
	file = fopen(library, "w");
	return file && fclose(file) == 0 ? link(library, other_name) : -1;
}

static int remove_files(void **state)
{
	(void)state;
	unlink(library);
	unlink(other_name);
	return rmdir(directory);
}

static void assert_appended(const char *now, const char *added)
{
	char out[256], expected[256];

	snprintf(expected, sizeof(expected), "%s%s%s", now ? now : "",
		*added && now && *now ? ":" : "", added);
	assert_true(preload_append(out, sizeof(out), now, library));
	assert_string_equal(out, expected);
}

static void the_library_comes_after_what_is_there(void **state)
{
	(void)state;
	assert_appended(NULL, library);
	assert_appended("", library);
	assert_appended("libm.so.6", library);
	assert_appended("libm.so.6 libz.so.1", library);
	assert_appended("libm.so.6:libz.so.1", library);
	assert_appended("/nonexistent/a.so", library);
}

static void the_same_file_is_not_added_twice(void **state)
{
	char now[256];

	(void)state;
	assert_appended(library, "");
	assert_appended(other_name, "");
	snprintf(now, sizeof(now), "libm.so.6 %s:libz.so.1", library);
	assert_appended(now, "");
	snprintf(now, sizeof(now), "::  %s", library);
	assert_appended(now, "");
}

static void a_value_that_does_not_fit_is_refused(void **state)
{
	char out[64];

	(void)state;
	assert_false(preload_append(out, 16, "libm.so.6", library));
	assert_int_equal(errno, E2BIG);
	assert_false(preload_append(out, strlen(library), NULL, library));
	assert_true(preload_append(out, 10, NULL, "/123.so"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_library_comes_after_what_is_there),
		cmocka_unit_test(the_same_file_is_not_added_twice),
		cmocka_unit_test(a_value_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests_name("preload", tests, make_files, remove_files);
}
