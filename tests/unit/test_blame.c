/* SPDX-License-Identifier: MIT */
#include "blame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#define SERVER "127.0.0.1:80"
#define CLIENT "[::1]:4000"
#define SECOND 1000000

static char path[] = "/tmp/rstfix-blame-XXXXXX";

/* A log with these lines; seconds since the epoch stand for their time. */
static struct blame *log_of(const char *lines)
{
	FILE *file = fopen(path, "w");
	struct blame *b;

	assert_non_null(file);
	fputs(lines, file);
	assert_int_equal(fclose(file), 0);
	b = blame_new(path);
	assert_non_null(b);
	return b;
}

#define LINE(second, event, pattern, op, outcome, local, peer) \
	"{\"time\":\"1970-01-01T00:00:" second ".000000Z\",\"event\":\"" event \
	"\",\"pattern\":" pattern ",\"op\":\"" op "\",\"outcome\":" outcome ",\"local\":" local \
	",\"peer\":" peer ",\"stack_id\":\"aa\"}\n"
#define CLOSE(second) \
	LINE(second, "close", "null", "close", "null", "\"" SERVER "\"", "\"" CLIENT "\"")
#define RESET(second) \
	LINE(second, "rst", "\"unread-close\"", "close", "\"reset\"", "\"" SERVER "\"", \
		"\"" CLIENT "\"")

static enum blame_verdict find(
	struct blame *b, const char *from, const char *to, int second, struct blame_entry **entry)
{
	struct traced_reset r = {.pid = 1};

	strcpy(r.source, from);
	strcpy(r.destination, to);
	return blame_find(b, &r, (int64_t)second * SECOND, entry);
}

static void assert_found(const char *lines, int second, enum blame_verdict expected)
{
	struct blame *b = log_of(lines);
	struct blame_entry *entry;

	assert_int_equal(find(b, SERVER, CLIENT, second, &entry), expected);
	blame_free(b);
}

static void the_latest_line_before_the_rst_counts(void **state)
{
	(void)state;
	assert_found(RESET("01") CLOSE("05"), 2, BLAME_TOLD);
	assert_found(RESET("01") CLOSE("05"), 6, BLAME_LATE);
	assert_found(CLOSE("05") RESET("08"), 6, BLAME_LATE);
	assert_found(CLOSE("05") RESET("08"), 9, BLAME_TOLD);
	assert_found(CLOSE("05"), 2, BLAME_UNKNOWN);
	assert_found("", 2, BLAME_UNKNOWN);
}

static void what_sends_nothing_is_not_to_blame(void **state)
{
	(void)state;
	assert_found(LINE("01", "rst", "\"peer-reset\"", "read", "\"seen\"", "\"" SERVER "\"",
			     "\"" CLIENT "\""),
		2, BLAME_UNKNOWN);
	assert_found(CLOSE("01") LINE("02", "rst", "\"unread-close\"", "close", "\"shared\"",
			     "\"" SERVER "\"", "\"" CLIENT "\""),
		3, BLAME_LATE);
}

static void a_shutdown_is_told_at_the_close_that_comes_later(void **state)
{
#define SHUTDOWN LINE("01", "close", "null", "shutdown", "null", "\"" SERVER "\"", "\"" CLIENT "\"")
	struct blame *b = log_of(SHUTDOWN);
	struct blame_entry *entry;

	(void)state;
	assert_int_equal(find(b, SERVER, CLIENT, 2, &entry), BLAME_LATE);
	assert_string_equal(blame_late_pattern(entry), "shutdown-read");
	blame_free(b);
	assert_found(SHUTDOWN LINE("09", "rst", "\"shutdown-read\"", "close", "\"reset\"",
			     "\"" SERVER "\"", "\"" CLIENT "\""),
		2, BLAME_TOLD);
}

static void what_a_rule_ignores_is_explained(void **state)
{
	(void)state;
	assert_found(LINE("01", "close", "\"unread-close\"", "close", "null", "\"" SERVER "\"",
			     "\"" CLIENT "\""),
		2, BLAME_IGNORED);
}

static void the_other_end_is_known_by_its_addresses(void **state)
{
	struct blame *b = log_of(CLOSE("01") LINE("02", "rst", "\"connect-refused\"", "connect",
		"\"seen\"", "\"0.0.0.0:5000\"", "\"10.0.0.1:81\""));
	struct blame_entry *entry;

	(void)state;
	assert_int_equal(find(b, CLIENT, SERVER, 2, &entry), BLAME_PEER);
	assert_null(entry);
	assert_int_equal(find(b, "10.0.0.1:81", "10.0.0.2:5000", 2, &entry), BLAME_PEER);
	assert_int_equal(find(b, "10.0.0.1:81", "10.0.0.2:5001", 2, &entry), BLAME_UNKNOWN);
	assert_true(blame_knows(b, SERVER));
	assert_false(blame_knows(b, CLIENT));
	blame_free(b);
}

static void what_waits_at_a_listener_is_laid_to_its_close(void **state)
{
#define LISTENER(second, local) \
	LINE(second, "rst", "\"listener-close\"", "close", "\"reset\"", local, "null")
	(void)state;
	assert_found(LISTENER("01", "\"0.0.0.0:80\""), 1, BLAME_TOLD);
	assert_found(LISTENER("01", "\"" SERVER "\""), 1, BLAME_TOLD);
	assert_found(LISTENER("03", "\"" SERVER "\""), 1, BLAME_UNKNOWN);
	assert_found(LISTENER("01", "\"0.0.0.0:81\""), 1, BLAME_UNKNOWN);
}

static void a_listener_answers_what_was_under_way(void **state)
{
	struct blame *b = log_of(RESET("01"));
	struct traced_reset r = {
		.source = "0.0.0.0:80", .destination = "0.0.0.0:0", .state = "TCP_LISTEN"};
	struct blame_entry *entry;

	(void)state;
	assert_int_equal(blame_find(b, &r, 2 * SECOND, &entry), BLAME_ANSWER);
	strcpy(r.source, "0.0.0.0:81");
	assert_int_equal(blame_find(b, &r, 2 * SECOND, &entry), BLAME_UNKNOWN);
	blame_free(b);
}

static json_object *last_line(void)
{
	FILE *file = fopen(path, "r");
	char line[1024], last[1024] = "";

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		strcpy(last, line);
	fclose(file);
	return json_tokener_parse(last);
}

static void assert_text(json_object *o, const char *key, const char *expected)
{
	json_object *value;

	assert_true(json_object_object_get_ex(o, key, &value));
	assert_string_equal(json_object_get_string(value), expected);
}

static void a_late_close_becomes_an_event_once_and_gets_a_stack_told_before(void **state)
{
	struct blame *b =
		log_of("no JSON\n"
		       "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"event\":\"close\","
		       "\"stack_id\":\"aa\",\"frames\":[{\"symbol\":\"f\"}]}\n" CLOSE("01"));
	struct blame_entry *entry;
	json_object *o, *frames;

	(void)state;
	assert_int_equal(find(b, SERVER, CLIENT, 3, &entry), BLAME_LATE);
	assert_true(blame_tell_late(b, entry, 3 * SECOND + 7));
	o = last_line();
	assert_text(o, "event", "rst");
	assert_text(o, "pattern", "late-data");
	assert_text(o, "outcome", "reset");
	assert_text(o, "op", "close");
	assert_text(o, "local", SERVER);
	assert_text(o, "time", "1970-01-01T00:00:03.000007Z");
	assert_true(json_object_object_get_ex(o, "frames", &frames));
	assert_int_equal(json_object_array_length(frames), 1);
	json_object_put(o);
	assert_int_equal(find(b, SERVER, CLIENT, 4, &entry), BLAME_LATE);
	assert_true(blame_tell_late(b, entry, 4 * (int64_t)SECOND));
	o = last_line();
	assert_text(o, "time", "1970-01-01T00:00:03.000007Z");
	json_object_put(o);
	blame_free(b);
}

static void a_line_of_the_trace_is_read(void **state)
{
	struct traced_reset r;

	(void)state;
	assert_true(tracer_parse(
		"   my - prog-1-5443    [001] ..s1.  2389.950798: tcp_send_reset: skbaddr=0 skaddr=0 "
		"src=127.0.0.1:40245 dest=[::ffff:10.0.0.1]:59602 state=TCP_TIME_WAIT "
		"reason=TCP_TIMEWAIT_SOCKET\n",
		&r));
	assert_int_equal(r.time_us, 2389950798);
	assert_int_equal(r.pid, 5443);
	assert_string_equal(r.program, "my - prog-1");
	assert_true(r.interrupted);
	assert_string_equal(r.source, "127.0.0.1:40245");
	assert_string_equal(r.destination, "10.0.0.1:59602");
	assert_string_equal(r.state, "TCP_TIME_WAIT");
	assert_string_equal(r.reason, "TCP_TIMEWAIT_SOCKET");
	assert_true(tracer_parse("a-1 [000] .... 1.000001: tcp_send_reset: skbaddr=0 skaddr=0 "
				 "src=[::1]:1 dest=[fe80::1]:2 state=UNKNOWN\n",
		&r));
	assert_false(r.interrupted);
	assert_string_equal(r.source, "[::1]:1");
	assert_string_equal(r.reason, "");
	assert_true(tracer_parse("   a-1 [x] sh-12 [001] ..s1. 1.000001: tcp_send_reset: skbaddr=0 "
				 "skaddr=0 src=1.2.3.4:5 dest=6.7.8.9:10 state=TCP_CLOSE\n",
		&r));
	assert_string_equal(r.program, "a-1 [x] sh");
	assert_int_equal(r.pid, 12);
	assert_true(r.interrupted);
	assert_false(tracer_parse("# tracer: nop\n", &r));
	assert_false(tracer_parse("tcp_send_reset: src=1:1 dest=2:2\n", &r));
}

static int make_path(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd >= 0 ? close(fd) : -1;
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_latest_line_before_the_rst_counts),
		cmocka_unit_test(what_sends_nothing_is_not_to_blame),
		cmocka_unit_test(a_shutdown_is_told_at_the_close_that_comes_later),
		cmocka_unit_test(what_a_rule_ignores_is_explained),
		cmocka_unit_test(the_other_end_is_known_by_its_addresses),
		cmocka_unit_test(what_waits_at_a_listener_is_laid_to_its_close),
		cmocka_unit_test(a_listener_answers_what_was_under_way),
		cmocka_unit_test(a_late_close_becomes_an_event_once_and_gets_a_stack_told_before),
		cmocka_unit_test(a_line_of_the_trace_is_read),
	};

	return cmocka_run_group_tests_name("blame", tests, make_path, remove_path);
}
