/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <monetary.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "detect/facts.h"
#include "log/module.h"
#include "log/render.h"

static char buf[49152];

static const struct origin origin_ = {
	.time_us = INT64_C(1795348800123456),
	.program = "httpd \"x\"\n",
	.host = "db1",
	.boot_id = "00000000-0000-4000-8000-000000000000",
	.pid = 7,
	.tid = 8,
	.start_s = 1763812800,
	.seq = 3,
};

static struct endpoint endpoint(const char *address, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct endpoint e;

	if (inet_pton(AF_INET, address, &in.sin_addr) == 1) {
		facts_endpoint(&in, sizeof(in), &e);
		return e;
	}
	assert_int_equal(inet_pton(AF_INET6, address, &in6.sin6_addr), 1);
	facts_endpoint(&in6, sizeof(in6), &e);
	return e;
}

static struct event unread_close(void)
{
	return (struct event){
		.pattern = PATTERN_UNREAD_CLOSE,
		.op = OP_CLOSE,
		.action = ACTION_FIX,
		.outcome = OUTCOME_AVERTED,
		.fd = 9,
		.facts = {.state = TCP_ESTABLISHED,
			.unread = 178,
			.unsent = 3887104,
			.cookie = 4711},
		.local = endpoint("127.0.0.1", 8080),
		.peer = endpoint("127.0.0.1", 40312),
		.netns = 1,
		.role = ROLE_SERVER,
		.age_ms = 12,
	};
}

static struct json_object *rendered(const struct event *e, const struct telling *w)
{
	struct text t = text_on(buf, sizeof(buf));
	struct json_object *o;

	render_event_json(&t, &origin_, e, w);
	assert_false(t.cut);
	assert_int_equal(buf[t.len - 1], '\n');
	assert_null(memchr(buf, '\n', t.len - 1)); /* one object, one line */
	text_end(&t);
	o = json_tokener_parse(buf);
	assert_non_null(o);
	return o;
}

static void is_string(struct json_object *o, const char *key, const char *want)
{
	struct json_object *v;

	assert_true(json_object_object_get_ex(o, key, &v));
	assert_string_equal(json_object_get_string(v), want);
}

static void is_number(struct json_object *o, const char *key, int64_t want)
{
	struct json_object *v;

	assert_true(json_object_object_get_ex(o, key, &v));
	assert_true(json_object_is_type(v, json_type_int));
	assert_true(json_object_get_int64(v) == want);
}

static void is_null(struct json_object *o, const char *key)
{
	struct json_object *v;

	assert_true(json_object_object_get_ex(o, key, &v));
	assert_null(v);
}

static void an_event_carries_every_field_of_the_contract(void **state)
{
	struct event e = unread_close();
	struct telling w = {.count = 1};
	struct json_object *o = rendered(&e, &w);

	(void)state;
	is_number(o, "v", 1);
	is_string(o, "time", "2026-11-22T12:00:00.123456Z");
	is_string(o, "event", "rst");
	is_string(o, "pattern", "unread-close");
	is_string(o, "op", "close");
	is_string(o, "action", "fix");
	is_string(o, "outcome", "averted");
	is_string(o, "program", "httpd \"x\"\n");
	is_number(o, "pid", 7);
	is_number(o, "tid", 8);
	is_number(o, "fd", 9);
	is_string(o, "role", "server");
	is_string(o, "local", "127.0.0.1:8080");
	is_string(o, "peer", "127.0.0.1:40312");
	is_string(o, "state", "ESTABLISHED");
	is_number(o, "unread", 178);
	is_number(o, "unsent", 3887104);
	is_null(o, "linger");
	is_string(o, "harm", "output-lost");
	is_number(o, "age_ms", 12);
	is_null(o, "stack_id");
	is_number(o, "count", 1);
	is_string(o, "host", "db1");
	is_string(o, "boot_id", "00000000-0000-4000-8000-000000000000");
	is_number(o, "netns", 1);
	is_number(o, "sock", 4711);
	is_number(o, "start", 1763812800);
	is_number(o, "seq", 3);
	is_null(o, "rule");
	json_object_put(o);
}

static void the_rule_that_decided_is_told_with_its_place(void **state)
{
	const struct rule rule = {.source = "/etc/\"x\".rules",
		.line = 3,
		.column = 9,
		.text = "unread-close \t-> fix"};
	struct event e = unread_close();
	struct telling w = {.count = 1};
	struct json_object *o;
	struct text t = text_on(buf, sizeof(buf));

	(void)state;
	e.rule = &rule;
	o = rendered(&e, &w);
	is_string(o, "rule", "/etc/\"x\".rules:3:9: unread-close \t-> fix");
	json_object_put(o);
	render_event_text(&t, &origin_, &e, &w);
	assert_non_null(strstr(text_end(&t), "averted, fix by /etc/\"x\".rules:3:9]"));
	t = text_on(buf, sizeof(buf));
	e.dry = true;
	e.outcome = OUTCOME_RESET;
	render_event_text(&t, &origin_, &e, &w);
	assert_non_null(strstr(text_end(&t), "reset, would fix by /etc"));
}

static void linger_zero_tells_its_intent_and_who_armed_it(void **state)
{
	void *stack[1] = {(char *)(uintptr_t)strfmon + 21};
	struct event e = unread_close();
	struct telling w = {.count = 4, .frames = true};
	struct json_object *o, *v;

	(void)state;
	w.site = callsite_at(callsite_find(PATTERN_LINGER_ZERO, OP_CLOSE, stack, 1, NULL));
	w.armed = callsite_at(callsite_find(PATTERN_NONE, OP_SETSOCKOPT, stack, 1, NULL));
	e.pattern = PATTERN_LINGER_ZERO;
	e.facts.linger_on = true;
	e.intent = INTENT_CONFIG;
	e.armed_op = OP_SETSOCKOPT;
	o = rendered(&e, &w);
	is_string(o, "intent", "config");
	is_number(o, "count", 4);
	assert_true(json_object_object_get_ex(o, "linger", &v));
	is_number(v, "on", 1);
	is_number(v, "sec", 0);
	assert_true(json_object_object_get_ex(o, "armed_by", &v));
	is_string(v, "op", "setsockopt");
	assert_true(json_object_object_get_ex(o, "frames", &v));
	assert_int_equal(json_object_array_length(v), 1);
	is_string(json_object_array_get_idx(v, 0), "symbol", "strfmon+0x14");
	json_object_put(o);
}

static void the_functions_of_the_language_stand_before_the_frames(void **state)
{
	struct callsite site = {.frame_count = 1, .id = 1, .python = {.count = 2}};
	struct event e = unread_close();
	struct telling w = {.site = &site, .count = 1, .frames = true};
	struct text t = text_on(buf, sizeof(buf));
	struct json_object *o, *v, *line;

	(void)state;
	site.language[0] = (struct language_frame){
		module_intern("/srv/\"a\".py", ""), module_keep("Upload.do_POST", 14), 31};
	o = rendered(&e, &w);
	assert_true(json_object_object_get_ex(o, "language_frames", &v));
	assert_int_equal(json_object_array_length(v), 2);
	is_string(json_object_array_get_idx(v, 0), "file", "/srv/\"a\".py");
	is_number(json_object_array_get_idx(v, 0), "line", 31);
	is_string(json_object_array_get_idx(v, 0), "function", "Upload.do_POST");
	assert_true(json_object_object_get_ex(json_object_array_get_idx(v, 1), "line", &line));
	assert_null(line);
	json_object_put(o);
	render_event_text(&t, &origin_, &e, &w);
	assert_non_null(strstr(text_end(&t),
		"]\n    in Upload.do_POST at /srv/\"a\".py:31\n    in ?? at ??:0\n    #0 ?? ("));
}

static void a_listener_tells_how_many_wait_and_how_many_were_taken(void **state)
{
	struct event e = {.pattern = PATTERN_LISTENER_CLOSE,
		.op = OP_SHUTDOWN,
		.facts = {.state = TCP_LISTEN, .waiting = 20}};
	struct telling w = {.count = 1};
	struct json_object *o = rendered(&e, &w);
	struct text t = text_on(buf, sizeof(buf));

	(void)state;
	is_number(o, "waiting", 20);
	assert_false(json_object_object_get_ex(o, "taken", NULL));
	json_object_put(o);
	render_event_text(&t, &origin_, &e, &w);
	assert_non_null(strstr(text_end(&t),
		"a listener with 20 connections waiting in its accept "
		"queue: resets all of them [listener-close, reset]"));
	e.mended = true;
	e.taken = 21;
	e.outcome = OUTCOME_AVERTED;
	o = rendered(&e, &w);
	is_number(o, "taken", 21);
	json_object_put(o);
	e.taken = 7;
	e.outcome = OUTCOME_FAILED;
	e.why = "no descriptor was free";
	t = text_on(buf, sizeof(buf));
	render_event_text(&t, &origin_, &e, &w);
	assert_non_null(strstr(
		text_end(&t), ": resets those that are left; not mended: no descriptor was free"));
}

static void more_frames_than_fit_leave_a_whole_line(void **state)
{
	static struct callsite big = {.frame_count = UNWIND_MAX, .id = 1};
	struct event e = unread_close();
	struct telling w = {.site = &big, .frames = true, .count = 1};
	struct json_object *o;
	struct text t;

	(void)state;
	for (size_t cap = 1200; cap < 4000; cap += 7) {
		t = text_on(buf, cap);
		render_event_json(&t, &origin_, &e, &w);
		assert_false(t.cut);
		buf[t.len] = 0;
		o = json_tokener_parse(buf);
		assert_non_null(o);
		json_object_put(o);
	}
}

static void addresses_are_written_as_the_c_library_does(void **state)
{
	static const char *const addresses[] = {"127.0.0.1", "255.255.255.255", "::1",
		"::", "2001:db8::1", "fe80::1:0:0:1", "1:0:0:2:0:0:0:3", "1:2:3:4:5:6:7:8",
		"2001:db8:0:1:1:1:1:1"};
	char want[128], one[INET6_ADDRSTRLEN];

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct endpoint e = endpoint(addresses[i], 80);
		struct text t = text_on(buf, sizeof(buf));

		render_endpoint(&t, &e);
		inet_ntop(e.family, e.addr, one, sizeof(one));
		snprintf(want, sizeof(want), e.family == AF_INET6 ? "[%s]:80" : "%s:80", one);
		assert_string_equal(text_end(&t), want);
	}
}

static void an_ipv4_mapped_address_is_told_as_ipv4(void **state)
{
	struct endpoint e = endpoint("::ffff:10.1.2.3", 443);
	struct text t = text_on(buf, sizeof(buf));

	(void)state;
	render_endpoint(&t, &e);
	assert_string_equal(text_end(&t), "10.1.2.3:443");
}

static void the_text_of_an_event_cannot_be_forged_by_a_program_name(void **state)
{
	struct event e = unread_close();
	struct telling w = {.count = 1};
	struct text t = text_on(buf, sizeof(buf));

	(void)state;
	render_event_text(&t, &origin_, &e, &w);
	text_end(&t);
	assert_ptr_equal(strchr(buf, '\n'), buf + strlen(buf) - 1);
	assert_non_null(strstr(buf, "178 bytes unread"));
	assert_non_null(strstr(buf, "3887104 bytes of output"));
	assert_non_null(strstr(buf, "[unread-close, averted]"));
}

static void a_summary_ends_with_what_was_not_proven(void **state)
{
	struct risk risks[PATTERN_COUNT] = {
		[PATTERN_SHUTDOWN_READ] = {3, 1}, [PATTERN_LATE_DATA] = {2, 2}};
	struct text t = text_on(buf, sizeof(buf));
	struct json_object *o, *all, *one;

	(void)state;
	render_summary_json_head(&t, &origin_, 5, 0);
	render_summary_json_end(&t, risks);
	text_end(&t);
	o = json_tokener_parse(buf);
	assert_true(json_object_object_get_ex(o, "risks", &all));
	assert_int_equal(json_object_object_length(all), 2);
	assert_true(json_object_object_get_ex(all, "shutdown-read", &one));
	is_number(one, "count", 3);
	is_number(one, "unacknowledged", 1);
	assert_true(json_object_object_get_ex(all, "late-data", &one));
	is_number(one, "unacknowledged", 2);
	json_object_put(o);
	memset(risks, 0, sizeof(risks));
	t = text_on(buf, sizeof(buf));
	render_summary_json_head(&t, &origin_, 5, 0);
	render_summary_json_end(&t, risks);
	text_end(&t);
	o = json_tokener_parse(buf);
	assert_non_null(o);
	assert_false(json_object_object_get_ex(o, "risks", &all));
	json_object_put(o);
}

static int start(void **state)
{
	(void)state;
	return callsite_start() ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_carries_every_field_of_the_contract),
		cmocka_unit_test(the_rule_that_decided_is_told_with_its_place),
		cmocka_unit_test(linger_zero_tells_its_intent_and_who_armed_it),
		cmocka_unit_test(the_functions_of_the_language_stand_before_the_frames),
		cmocka_unit_test(a_listener_tells_how_many_wait_and_how_many_were_taken),
		cmocka_unit_test(more_frames_than_fit_leave_a_whole_line),
		cmocka_unit_test(addresses_are_written_as_the_c_library_does),
		cmocka_unit_test(an_ipv4_mapped_address_is_told_as_ipv4),
		cmocka_unit_test(a_summary_ends_with_what_was_not_proven),
		cmocka_unit_test(the_text_of_an_event_cannot_be_forged_by_a_program_name),
	};

	return cmocka_run_group_tests_name("render", tests, start, NULL);
}
