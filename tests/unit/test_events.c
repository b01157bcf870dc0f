/* SPDX-License-Identifier: MIT */
#include "events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char sample[] =
	"{\"v\":1,\"time\":\"2026-11-22T12:00:00.123456Z\",\"event\":\"rst\","
	"\"pattern\":\"unread-close\",\"op\":\"close\",\"action\":\"fix\",\"outcome\":\"averted\","
	"\"program\":\"httpd\",\"pid\":7,\"role\":\"server\",\"unread\":178,\"unsent\":3887104,"
	"\"linger\":null,\"harm\":\"output-lost\",\"stack_id\":\"9f2c\",\"frames\":[{\"module\":"
	"\"/usr/sbin/httpd\",\"build_id\":\"ab12\",\"offset\":\"0x41b2\",\"symbol\":\"reply+0x52\"},"
	"{\"module\":\"/lib/libc.so.6\",\"offset\":\"0x1\"}],"
	"\"armed_by\":{\"op\":\"setsockopt\",\"frames\":[]}}\n";

static void an_event_is_read(void **state)
{
	struct event e;

	(void)state;
	assert_true(event_parse(&e, sample));
	assert_string_equal(e.event, "rst");
	assert_string_equal(e.pattern, "unread-close");
	assert_string_equal(e.op, "close");
	assert_string_equal(e.action, "fix");
	assert_string_equal(e.outcome, "averted");
	assert_string_equal(e.intent, "");
	assert_string_equal(e.harm, "output-lost");
	assert_string_equal(e.role, "server");
	assert_string_equal(e.stack_id, "9f2c");
	assert_int_equal(e.pid, 7);
	assert_int_equal(e.unread, 178);
	assert_int_equal(e.unsent, 3887104);
	assert_int_equal(e.frames, 2);
	assert_string_equal(e.module, "/usr/sbin/httpd");
	assert_string_equal(e.offset, "0x41b2");
	assert_string_equal(e.symbol, "reply+0x52");
	assert_true(e.armed_by);
}

static void members_of_another_type_are_as_if_missing(void **state)
{
	struct event e;

	(void)state;
	assert_true(event_parse(
		&e, "{\"event\":7,\"unread\":\"many\",\"frames\":[3],\"armed_by\":[]}"));
	assert_string_equal(e.event, "");
	assert_int_equal(e.unread, -1);
	assert_int_equal(e.frames, 1);
	assert_string_equal(e.module, "");
	assert_false(e.armed_by);
}

static void what_is_not_one_object_is_refused(void **state)
{
	static const char *const bad[] = {"", "\n", "[]", "7", "null", "{", "{\"v\":1", "{}{}",
		"{} x", "rstfix: closed", "{\"v\":}"};
	struct event e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (event_parse(&e, bad[i]))
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

static void a_line_cut_anywhere_is_refused(void **state)
{
	struct event e;

	(void)state;
	for (size_t len = 0; len < sizeof(sample) - 2; len++) {
		char *cut = strndup(sample, len);

		assert_non_null(cut);
		assert_false(event_parse(&e, cut));
		free(cut);
	}
}

static void long_values_are_cut(void **state)
{
	char line[1024];
	struct event e;

	(void)state;
	snprintf(line, sizeof(line), "{\"pattern\":\"%0500d\"}", 0);
	assert_true(event_parse(&e, line));
	assert_int_equal(strlen(e.pattern), sizeof(e.pattern) - 1);
}

static void a_log_is_counted(void **state)
{
	char path[] = "/tmp/rstfix-events-XXXXXX";
	static struct event_log log;
	int fd = mkstemp(path);
	FILE *file;

	(void)state;
	assert_true(fd >= 0);
	file = fdopen(fd, "w");
	assert_non_null(file);
	for (int i = 0; i < 20; i++)
		fputs(sample, file);
	fputs("{\"event\":\"notice\"}\n{\"event\":\"summary\"}\nnonsense\n", file);
	fputs("{\"event\":\"rst\"}", file); /* a last line without its end */
	assert_int_equal(fclose(file), 0);
	assert_true(events_read(&log, path));
	unlink(path);
	assert_int_equal(log.rsts, 21);
	assert_int_equal(log.notices, 1);
	assert_int_equal(log.bad, 1);
	assert_string_equal(log.first[EVENTS_KEPT - 1].pattern, "unread-close");
	assert_true(events_read(&log, path));
	assert_int_equal(log.rsts, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_read),
		cmocka_unit_test(members_of_another_type_are_as_if_missing),
		cmocka_unit_test(what_is_not_one_object_is_refused),
		cmocka_unit_test(a_line_cut_anywhere_is_refused),
		cmocka_unit_test(long_values_are_cut),
		cmocka_unit_test(a_log_is_counted),
	};

	return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
