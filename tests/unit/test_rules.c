/* SPDX-License-Identifier: MIT */
#include "policy.h"

#include "detect/facts.h"

#include <arpa/inet.h>

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

static struct rule_frame frame(const void *stack, unsigned i)
{
	return ((const struct rule_frame *)stack)[i];
}

static const struct rule_frame stack[] = {
	{"/usr/lib/libhealth.so", "probe_http+0x12"},
	{"/opt/app/server", ""},
	{"", ""},
};

/* A server's close of port 8080, of a peer at 10.1.2.3:40000, in nginx. */
static struct rule_query event(void)
{
	return (struct rule_query){
		.pattern = PATTERN_UNREAD_CLOSE,
		.op = OP_CLOSE,
		.role = ROLE_SERVER,
		.local = endpoint("192.168.0.1", 8080),
		.peer = endpoint("10.1.2.3", 40000),
		.program = "nginx",
		.frames = 3,
		.frame = frame,
		.stack = stack,
	};
}

/* Both ways of matching agree, which is half of every test here. */
static int deciding(const struct rule_query *q)
{
	const struct rule *rule = rules_match(&rules, q);
	enum rule_key key;

	for (uint32_t i = 0; i < rules.count; i++) {
		bool matches = rules_rule_matches(&rules, &rules.list[i], q, &key);

		if (!matches)
			continue;
		assert_ptr_equal(rule, &rules.list[i]);
		return (int)i + 1;
	}
	assert_null(rule);
	return 0;
}

static void matches(const char *conditions, const struct rule_query *q, bool expected)
{
	char text[512];

	snprintf(text, sizeof(text), "%s -> fix", conditions);
	read_good(text);
	if (!!deciding(q) != expected)
		fail_msg("%s %s", conditions, expected ? "does not match" : "matches");
}

static void the_first_rule_that_matches_decides(void **state)
{
	struct rule_query q = event();

	(void)state;
	read_good(
		"linger-zero -> log\nunread-close port=80 -> log; unread-close role=server -> fix\n"
		"* -> ignore");
	assert_int_equal(deciding(&q), 3);
	q.role = ROLE_CLIENT;
	assert_int_equal(deciding(&q), 4);
	read_good("linger-zero -> log");
	assert_int_equal(deciding(&q), 0);
	read_good(" \t\r\n;;# nothing; * -> abort\n\n#");
	assert_int_equal(rules.count, 0);
	assert_int_equal(deciding(&q), 0);
}

static void every_key_is_compared(void **state)
{
	static const struct {
		const char *conditions;
		bool matches;
	} cases[] = {
		{"*", true},
		{"unread-close,linger-zero", true},
		{"!linger-zero", true},
		{"!unread-close,linger-zero", false},
		{"* role=server", true},
		{"* role=client", false},
		{"* role=client,server", true},
		{"* role=!client", true},
		{"* role=!server", false},
		{"* port=8080", true},
		{"* port=8079", false},
		{"* port=8081", false},
		{"* port=80,8000-8100", true},
		{"* port=80,9000", false},
		{"* port=!80,9000", true},
		{"* port=!8080", false},
		{"* peer-port=40000", true},
		{"* peer-port=39999", false},
		{"* peer-port=!1-39999,40001-65535", true},
		{"* peer=10.0.0.0/8", true},
		{"* peer=11.0.0.0/8", false},
		{"* peer=10.1.2.3", true},
		{"* peer=10.1.2.2", false},
		{"* peer=10.1.2.2/31", true},
		{"* peer=10.1.2.4/30", false},
		{"* peer=!10.0.0.0/8", false},
		{"* peer=!10.1.2.2", true},
		{"* peer=!10.1.2.3", false},
		{"* peer=::/1,1.5.3.0", true},
		{"* peer=!::/1", false},
		{"* peer=1.1.1.1,10.1.0.0/16", true},
		{"* peer=::ffff:10.0.0.0/104", true},
		{"* peer=::ffff:11.0.0.0/104", false},
		{"* peer=2001:db8::/32", false},
		{"* peer=!2001:db8::/32", true},
		{"* peer=0.0.0.0/0", true},
		{"* peer=::/0", true},
		{"* program=nginx", true},
		{"* program=ngin?", true},
		{"* program=ng", false},
		{"* program=apache*,ng*", true},
		{"* program=!ng*", false},
		{"* op=close", true},
		{"* op=dup2,fclose", false},
		{"* op=!dup2,fclose", true},
		{"* op=exit", false},
		{"* callsite=libhealth.so!probe_*", true},
		{"* callsite=libhealth.so!probe_http", true},
		{"* callsite=libhealth.so!probe", false},
		{"* callsite=/usr/lib/libhealth.so!*", true},
		{"* callsite=/lib/libhealth.so!*", false},
		{"* callsite=libhealth.so", true},
		{"* callsite=server", true},
		{"* callsite=server!main", false},
		{"* callsite=server!*", true},
		{"* callsite=*!probe_http", true},
		{"* callsite=libx.so,server", true},
		{"* callsite=!libhealth.so!probe_*", false},
		{"* callsite=!libx.so", true},
		{"* role=server port=8080 peer=10.0.0.0/8 program=nginx op=close", true},
		{"* role=server port=8080 peer=10.0.0.0/8 program=apache op=close", false},
	};
	struct rule_query q = event();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		matches(cases[i].conditions, &q, cases[i].matches);
}

static void an_ipv6_peer_is_compared_by_all_its_bits(void **state)
{
	struct rule_query q = event();

	(void)state;
	q.peer = endpoint("2001:db8::1:2", 1);
	matches("* peer=2001:db8::/32", &q, true);
	matches("* peer=2001:db8::1:0/112", &q, true);
	matches("* peer=2001:db8::1:2", &q, true);
	matches("* peer=2001:db8::1:3", &q, false);
	matches("* peer=2001:db8::1:3/127", &q, true);
	matches("* peer=2001:db8:0:1::/64", &q, false);
	matches("* peer=2001:db9::/32", &q, false);
	matches("* peer=!2001:db8::1:3", &q, true);
	matches("* peer=!2001:db8::1:2", &q, false);
	matches("* peer=!2001:db8::1:0/112", &q, false);
	matches("* peer=10.0.0.0/8", &q, false);
	matches("* peer=0.0.0.0/0", &q, false);
	matches("* peer=::/0", &q, true);
	q.peer = endpoint("::ffff:10.1.2.3", 1);
	matches("* peer=10.0.0.0/8", &q, true);
	matches("* peer=::ffff:0:0/96", &q, true);
	q.peer = endpoint("::1", 1);
	matches("* peer=::/96", &q, true);
	q.peer = endpoint("0:0:0:ffff:a00::", 1); /* packed, it looks like 10.0.0.0 */
	matches("* peer=10.0.0.0/8", &q, false);
}

static void what_is_not_known_is_neither_a_value_nor_its_negation(void **state)
{
	static const char *const both[][2] = {
		{"* role=server", "* role=!server"},
		{"* port=1", "* port=!1"},
		{"* peer=0.0.0.0", "* peer=!1.1.1.1"},
		{"* peer=::/16", "* peer=!::/16"},
		{"* peer-port=1", "* peer-port=!1"},
		{"* program=*", "* program=!x"},
		{"* callsite=*", "* callsite=!x"},
		{"* intent=abort", "* intent=!abort"},
		{"* status=zero", "* status=!zero"},
	};
	struct rule_query q = {.pattern = PATTERN_UNREAD_CLOSE, .op = OP_CLOSE, .frame = frame};

	(void)state;
	matches("*", &q, true);
	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
		matches(both[i][0], &q, false);
		matches(both[i][1], &q, false);
	}
}

static void an_unknown_intent_is_an_abort(void **state)
{
	struct rule_query q = event();

	(void)state;
	q.pattern = PATTERN_LINGER_ZERO;
	q.intent = INTENT_UNKNOWN;
	matches("* intent=abort", &q, true);
	matches("* intent=!config", &q, true);
	matches("* intent=config", &q, false);
	q.intent = INTENT_CONFIG;
	matches("* intent=config", &q, true);
	matches("* intent=abort", &q, false);
	q.intent = INTENT_ABORT;
	matches("* intent=abort", &q, true);
	matches("* intent=!abort", &q, false);
}

static void an_exit_status_is_compared_where_there_is_one(void **state)
{
	struct rule_query q = event();

	(void)state;
	q.status = STATUS_NONZERO;
	matches("* status=nonzero", &q, true);
	matches("* status=!zero", &q, true);
	matches("* status=zero", &q, false);
	q.status = STATUS_ZERO;
	matches("* status=zero", &q, true);
	matches("* status=!zero", &q, false);
}

static void another_program_s_rules_are_put_aside(void **state)
{
	struct rule_query q = event();

	(void)state;
	read_good("* program=apache -> abort\n* program=!ng* -> trap\n* program=nginx -> fix");
	rules_keep_program(&rules, "nginx");
	assert_int_equal(rules_match(&rules, &q) - rules.list, 2);
	assert_int_equal(rules.heads[0].patterns | rules.heads[1].patterns, 0);
}

static void options_are_the_rules_own_and_the_rest_is_general(void **state)
{
	const struct linger_limits general = {1, 2, 3, 4, 5};
	struct linger_limits l;

	(void)state;
	read_good("* -> fix idle=5s total=1m bytes=64K rate=7\n* -> fix idle=0\n* -> log rate=0");
	l = rules_limits(&rules.list[0], &general);
	assert_int_equal(l.idle_ms, 5000);
	assert_int_equal(l.total_ms, 60000);
	assert_int_equal(l.sockets, 3);
	assert_int_equal(l.bytes_accepted, 65536);
	assert_int_equal(l.bytes_connected, 65536);
	assert_int_equal(rules.list[0].rate, 7);
	l = rules_limits(&rules.list[1], &general);
	assert_int_equal(l.idle_ms, 0);
	assert_int_equal(l.total_ms, 2);
	assert_int_equal(l.bytes_accepted, 4);
	assert_int_equal(l.bytes_connected, 5);
	assert_int_equal(rules.list[1].options, OPTION_IDLE);
	assert_int_equal(rules.list[2].options, OPTION_RATE);
	l = rules_limits(NULL, &general);
	assert_int_equal(l.idle_ms, 1);
	assert_int_equal(l.bytes_accepted, 4);
}

static void the_shortest_rules_all_fit(void **state)
{
	struct rule_query q = event();
	static char text[9 * 2000 + 1];

	(void)state;
	for (unsigned i = 0; i < 2000; i++)
		strcpy(text + (size_t)9 * i, "* -> fix;");
	read_good(text);
	assert_int_equal(deciding(&q), 1);
}

/* Most of them behind what the index of ports and addresses holds. */
static void a_long_policy_decides_by_its_first_rule_too(void **state)
{
	static char text[600 * 64];
	struct rule_query q = event();
	size_t len = 0;

	(void)state;
	for (unsigned i = 1; i < 600; i++)
		len += (size_t)sprintf(
			text + len, "* port=!8080 peer=10.%u.0.0/16 -> log\n", i % 250);
	sprintf(text + len, "* port=8000-8100 peer=10.1.2.0/24,192.168.0.1 -> fix");
	read_good(text);
	assert_int_equal(deciding(&q), 600);
	q.local.port = 8081;
	assert_int_equal(deciding(&q), 1);
	q.peer.addr[1] = 251;
	assert_int_equal(deciding(&q), 0);
}

static void a_negation_in_the_wrong_place_is_a_mistake(void **state)
{
	static const char *const bad[] = {"* program=!!a -> fix", "* program=a,!b -> fix",
		"* program=!foo,!resets -> fix", "* callsite=a!!b -> fix"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(read_rules(bad[i]), 1);
}

static void a_pattern_is_named_to_be_mended_by_its_own_rule_only(void **state)
{
	(void)state;
	read_good("late-data role=server -> fix");
	assert_true(rules_name_to_fix(&rules, PATTERN_LATE_DATA));
	assert_false(rules_name_to_fix(&rules, PATTERN_UNREAD_CLOSE));
	read_good("* -> fix; !linger-zero -> fix; late-data -> log; unread-close -> fix");
	assert_false(rules_name_to_fix(&rules, PATTERN_LATE_DATA));
}

static void patterns_and_doors_of_an_end_have_names(void **state)
{
	static const char *const names[] = {"linger2-negative", "listener-close", "disconnect"};
	uint32_t bits = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_true(rules_patterns(span_of(names[i]), &bits));
		assert_int_equal(__builtin_popcount(bits), 1);
	}
	read_good("disconnect op=exit,exec -> log");
	assert_true(rules_patterns(span_of("!disconnect"), &bits));
	assert_false(rules_patterns(span_of("none"), &bits));
	assert_false(rules_patterns(span_of(""), &bits));
}

static void a_fix_by_default_is_only_for_what_has_a_mend(void **state)
{
	(void)state;
	for (int p = 0; p < PATTERN_COUNT; p++) {
		for (int i = INTENT_NONE; i <= INTENT_ABORT; i++) {
			enum action a = rules_default(
				MODE_FIX, (enum pattern)p, (enum intent)i, STATUS_UNKNOWN);

			assert_true(a == ACTION_LOG || rules_mendable((enum pattern)p));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_rule_that_matches_decides),
		cmocka_unit_test(every_key_is_compared),
		cmocka_unit_test(an_ipv6_peer_is_compared_by_all_its_bits),
		cmocka_unit_test(what_is_not_known_is_neither_a_value_nor_its_negation),
		cmocka_unit_test(an_unknown_intent_is_an_abort),
		cmocka_unit_test(an_exit_status_is_compared_where_there_is_one),
		cmocka_unit_test(another_program_s_rules_are_put_aside),
		cmocka_unit_test(options_are_the_rules_own_and_the_rest_is_general),
		cmocka_unit_test(the_shortest_rules_all_fit),
		cmocka_unit_test(a_long_policy_decides_by_its_first_rule_too),
		cmocka_unit_test(a_negation_in_the_wrong_place_is_a_mistake),
		cmocka_unit_test(a_pattern_is_named_to_be_mended_by_its_own_rule_only),
		cmocka_unit_test(patterns_and_doors_of_an_end_have_names),
		cmocka_unit_test(a_fix_by_default_is_only_for_what_has_a_mend),
	};

	return cmocka_run_group_tests_name("rules", tests, NULL, release);
}
