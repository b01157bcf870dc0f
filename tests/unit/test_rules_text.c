/* SPDX-License-Identifier: MIT */
#include "policy.h"

static void a_rule_knows_where_it_stands_and_what_was_written(void **state)
{
	char name[256];
	struct text t = text_on(name, sizeof(name));

	(void)state;
	read_good("# first\n\n  unread-close \t port=80  ->  fix # why\n* -> log;  * -> trap");
	rules_name(&t, &rules.list[0]);
	assert_string_equal(text_end(&t), "policy:3:3: unread-close \t port=80  ->  fix");
	t = text_on(name, sizeof(name));
	rules_name(&t, &rules.list[2]);
	assert_string_equal(text_end(&t), "policy:4:12: * -> trap");
}

static void rules_print_in_one_form_whatever_they_were_written_in(void **state)
{
	static const char *const pairs[][2] = {
		{"linger-zero,unread-close -> fix", "unread-close,linger-zero -> fix"},
		{"unread-close,* -> fix", "* -> fix"},
		{"!timed-out,peer-reset -> log", "!peer-reset,timed-out -> log"},
		{"* port=80-80,1-2 role=client,server -> trap",
			"* role=server,client port=80,1-2 -> trap"},
		{"* peer=::ffff:10.1.2.3/104,1::0,0.0.0.0/0 -> log",
			"* peer=10.0.0.0/8,1::,0.0.0.0/0 -> log"},
		{"* callsite=a op=!close status=!zero -> abort",
			"* op=!close callsite=a!* status=!zero -> abort"},
		{"* -> fix rate=1 bytes=1024M total=120s idle=1500ms",
			"* -> fix idle=1500ms total=2m bytes=1G rate=1"},
		{"* -> fix idle=0 bytes=1025 total=1000ms", "* -> fix idle=0 total=1s bytes=1025"},
		{"* intent=!config peer-port=!1 program=!a?,b* -> ignore",
			"* intent=!config peer-port=!1 program=!a?,b* -> ignore"},
	};
	char printed[512];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct text t = text_on(printed, sizeof(printed));

		read_good(pairs[i][0]);
		rules_print(&t, &rules, &rules.list[0]);
		assert_string_equal(text_end(&t), pairs[i][1]);
	}
}

static void a_mistake_is_told_with_its_place_its_word_and_what_is_allowed(void **state)
{
	static const struct {
		const char *text, *place, *word, *allowed;
	} cases[] = {
		{"unread-clos -> fix", "policy:1:1: ", "\"unread-clos\" is no pattern",
			"linger-zero"},
		{"\n  a,linger-zero -> fix", "policy:2:3: ", "\"a\" is no pattern", "disconnect"},
		{"* ,x -> fix", "policy:1:3: ", "\",x\" is neither", "role"},
		{"*, -> fix", "policy:1:3: ", "\"\" is no pattern", "*"},
		{"* role=servr -> fix", "policy:1:8: ", "\"servr\" is no role", "server, client"},
		{"* role= -> fix", "policy:1:8: ", "\"\" is no role", "server, client"},
		{"* role=server,! -> fix", "policy:1:15: ", "\"!\" is no role", "server"},
		{"* intent=unknown -> fix", "policy:1:10: ", "is no intent", "abort, config"},
		{"* status=1 -> fix", "policy:1:10: ", "is no exit status", "zero, nonzero"},
		{"* port=0 -> fix", "policy:1:8: ", "\"0\" is no port", "1 to 65535"},
		{"* port=1,70000 -> fix", "policy:1:10: ", "\"70000\" is no port", "8000-8010"},
		{"* port=9-1 -> fix", "policy:1:8: ", "\"9-1\" is no port", "1 to 65535"},
		{"* port=1- -> fix", "policy:1:8: ", "\"1-\" is no port", "1 to 65535"},
		{"* peer-port=http -> fix", "policy:1:13: ", "\"http\" is no port", "65535"},
		{"* peer=10.0.0 -> fix", "policy:1:8: ", "\"10.0.0\" is no address", "10.0.0.0/8"},
		{"* peer=10.0.0.0/33 -> fix", "policy:1:8: ", "is no address", "/BITS"},
		{"* peer=::1/129 -> fix", "policy:1:8: ", "is no address", "/BITS"},
		{"* peer=::1/ -> fix", "policy:1:8: ", "is no address", "/BITS"},
		{"* peer=host -> fix", "policy:1:8: ", "is no address", "/BITS"},
		{"* program=/bin/sh -> fix", "policy:1:11: ", "is no program", "without slash"},
		{"* callsite=!!x -> fix", "policy:1:13: ", "\"!x\" is no callsite", "SYMBOL"},
		{"* callsite=x! -> fix", "policy:1:12: ", "\"x!\" is no callsite", "SYMBOL"},
		{"* op=shut -> fix", "policy:1:6: ", "\"shut\" is no operation", "shutdown"},
		{"* prt=80 -> fix", "policy:1:3: ", "\"prt\" is no key", "peer-port"},
		{"* =80 -> fix", "policy:1:3: ", "\"\" is no key", "peer-port"},
		{"* port=1 port=2 -> fix", "policy:1:10: ", "\"port\" is given twice", "once"},
		{"* port -> fix", "policy:1:3: ", "\"port\" is neither", "KEY=VALUE"},
		{"unread-close", "policy:1:1: ", "ends a rule that has no action", "-> ACTION"},
		{"* port=80", "policy:1:3: ", "\"port=80\" ends a rule", "-> ACTION"},
		{"* ->", "policy:1:3: ", "\"->\" has no action", "ignore, log, fix"},
		{"* -> # fix", "policy:1:3: ", "\"->\" has no action", "ignore, log, fix"},
		{"* -> mend", "policy:1:6: ", "\"mend\" is no action", "trap, abort"},
		{"* -> fix idle=5", "policy:1:10: ", "\"idle=5\" has no value", "500ms, 2s"},
		{"* -> fix wait=5s", "policy:1:10: ", "\"wait=5s\" is no option", "total=TIME"},
		{"* -> fix idle", "policy:1:10: ", "\"idle\" is no option", "idle=TIME"},
		{"* -> log idle=5s", "policy:1:10: ", "is no option here", "belong to fix"},
		{"* -> ignore rate=1", "policy:1:13: ", "is no option here", "behind ignore"},
		{"* -> fix rate=1 rate=2", "policy:1:17: ", "\"rate\" is given twice", "once"},
		{"* -> fix rate=1000001", "policy:1:10: ", "has no value", "1000000"},
		{"* -> fix ->", "policy:1:10: ", "\"->\" is no option", "idle"},
		{"* -> log\n\x01* -> log", "policy:2:1: ", "\\x01", "text"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned n = read_rules(cases[i].text);

		if (n != 1 || strncmp(said, cases[i].place, strlen(cases[i].place)) != 0 ||
			!strstr(said, cases[i].word) || !strstr(said, "; allowed: ") ||
			!strstr(strstr(said, "; allowed: "), cases[i].allowed))
			fail_msg("%s: %u mistakes: %s", cases[i].text, n, said);
	}
}

static void all_mistakes_of_a_text_are_told(void **state)
{
	(void)state;
	assert_int_equal(read_rules("a,b c=d role=e,f -> g\n* -> log\nx -> fix y; z -> fix"), 9);
	assert_non_null(strstr(said, "policy:1:3: \"b\""));
	assert_non_null(strstr(said, "policy:1:5: \"c\""));
	assert_non_null(strstr(said, "policy:1:16: \"f\""));
	assert_non_null(strstr(said, "policy:3:10: \"y\""));
	assert_non_null(strstr(said, "policy:3:13: \"z\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_knows_where_it_stands_and_what_was_written),
		cmocka_unit_test(rules_print_in_one_form_whatever_they_were_written_in),
		cmocka_unit_test(a_mistake_is_told_with_its_place_its_word_and_what_is_allowed),
		cmocka_unit_test(all_mistakes_of_a_text_are_told),
	};

	return cmocka_run_group_tests_name("rules_text", tests, NULL, release);
}
