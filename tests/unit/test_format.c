/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "base/format.h"

static char buf[4096];

static const char *json_of(const char *s)
{
	struct text t = text_on(buf, sizeof(buf));

	text_json(&t, s);
	return text_end(&t);
}

static const char *safe_of(const char *s)
{
	struct text t = text_on(buf, sizeof(buf));

	text_safe(&t, s);
	return text_end(&t);
}

static void numbers_are_written_to_their_ends(void **state)
{
	struct text t = text_on(buf, sizeof(buf));

	(void)state;
	text_u64(&t, UINT64_MAX);
	text_char(&t, ' ');
	text_i64(&t, INT64_MIN);
	text_char(&t, ' ');
	text_u64(&t, 0);
	text_char(&t, ' ');
	text_hex(&t, 0xabc, 6);
	assert_string_equal(text_end(&t), "18446744073709551615 -9223372036854775808 0 000abc");
}

static void a_text_that_does_not_fit_is_cut_and_says_so(void **state)
{
	char small[8];
	struct text t = text_on(small, sizeof(small));

	(void)state;
	memset(buf, 'x', sizeof(buf));
	text_str(&t, "0123456789");
	assert_true(t.cut);
	assert_int_equal(t.len, 8);
	text_u64(&t, 12345);
	assert_int_equal(t.len, 8);
	assert_string_equal(text_end(&t), "0123456");
}

static void json_strings_escape_what_they_must(void **state)
{
	(void)state;
	assert_string_equal(
		json_of("a\"b\\c\n\t\x01\x7f"), "a\\\"b\\\\c\\u000a\\u0009\\u0001\\u007f");
	assert_string_equal(json_of("csi \xc2\x9b"), "csi \\u009b");
	assert_string_equal(json_of("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
		"h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void invalid_utf8_becomes_the_replacement_character(void **state)
{
	static const char *const bad[] = {"\xff", "\x80", "\xc0\xaf", "\xe0\x80\x80",
		"\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xc3", "\xe2\x82"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_memory_equal(json_of(bad[i]), "\\ufffd", 6);
}

/* Judged by a JSON reader, on bytes at random with a fixed seed. */
static void any_bytes_make_a_json_string_that_a_reader_takes(void **state)
{
	char in[64], line[1024];
	struct json_object *o;
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t n = (size_t)(rand_r(&seed) % 60);

		for (size_t i = 0; i < n; i++)
			in[i] = (char)(1 + rand_r(&seed) % 255);
		in[n] = 0;
		snprintf(line, sizeof(line), "\"%s\"", json_of(in));
		o = json_tokener_parse(line);
		assert_non_null(o);
		json_object_put(o);
	}
}

static void control_characters_cannot_reach_a_terminal(void **state)
{
	(void)state;
	assert_string_equal(safe_of("a\x1b[31mred\n"), "a\\x1b[31mred\\x0a");
	assert_string_equal(safe_of("csi \xc2\x9b"), "csi \\xc2\\x9b");
	assert_string_equal(safe_of("\xc3\xa9\xff"), "\xc3\xa9\\xff");
}

/* Against the C library's calendar: every few days from 1970 to 2200, and the turns of years. */
static void times_agree_with_the_c_library(void **state)
{
	char want[64];
	struct tm tm;

	(void)state;
	for (int64_t s = 0; s < 7258118400; s += 86400 * 3 + 7919) {
		time_t sec = (time_t)s;
		struct text t = text_on(buf, sizeof(buf));

		gmtime_r(&sec, &tm);
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.000042Z", &tm);
		text_time(&t, s * 1000000 + 42);
		assert_string_equal(text_end(&t), want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_written_to_their_ends),
		cmocka_unit_test(a_text_that_does_not_fit_is_cut_and_says_so),
		cmocka_unit_test(json_strings_escape_what_they_must),
		cmocka_unit_test(invalid_utf8_becomes_the_replacement_character),
		cmocka_unit_test(any_bytes_make_a_json_string_that_a_reader_takes),
		cmocka_unit_test(control_characters_cannot_reach_a_terminal),
		cmocka_unit_test(times_agree_with_the_c_library),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
