/* SPDX-License-Identifier: MIT */
#include "policy.h"

#include "reach.h"

/* Each policy's last rule: can it decide? */
struct last {
	const char *policy;
	bool possible;
};

static void judge(const struct last *cases, size_t count)
{
	struct reach why;

	for (size_t i = 0; i < count; i++) {
		read_good(cases[i].policy);
		if (reach_possible(&rules, &rules.list[rules.count - 1], &why) != cases[i].possible)
			fail_msg("%s: the last rule %s decide", cases[i].policy,
				cases[i].possible ? "can" : "cannot");
		assert_true(cases[i].possible || why.contradiction || why.before);
	}
}

#define JUDGE(cases) judge(cases, sizeof(cases) / sizeof(cases[0]))

static void a_rule_that_contradicts_itself_never_decides(void **state)
{
	static const struct last cases[] = {
		{"!* -> log", false},
		{"* role=!server,client -> log", false},
		{"* intent=!abort,config -> log", false},
		{"* port=!1-65535 -> log", false},
		{"* port=!1-80,81-65535 -> log", false},
		{"* port=!1-80,82-65535 -> log", true},
		{"* peer=!::/0 -> log", false},
		{"* peer=!0.0.0.0/0 -> log", true},
		{"* program=!* -> log", false},
		{"* callsite=!*!* -> log", false},
		{"* callsite=!*!x -> log", true},
		{"peer-reset intent=abort -> log", false},
		{"peer-reset,linger-zero intent=abort -> log", true},
		{"* op=close status=nonzero -> log", false},
		{"* op=exit status=nonzero -> log", true},
	};

	(void)state;
	JUDGE(cases);
}

static void a_rule_behind_a_broader_one_never_decides(void **state)
{
	static const struct last cases[] = {
		{"* -> log; unread-close port=80 -> fix", false},
		{"unread-close -> log; unread-close,linger-zero -> fix", true},
		{"unread-close -> log; linger-zero -> log; unread-close,linger-zero -> fix", false},
		{"* role=server -> log; * role=server port=80 -> fix", false},
		{"* role=server -> log; * port=80 -> fix", true},
		{"* role=server,client -> log; * -> fix", true}, /* the unknown role */
		{"* role=!client -> log; * role=server -> fix", false},
		{"* port=1-100 -> log; * port=80,90-100 -> fix", false},
		{"* port=1-100 -> log; * port=80,90-101 -> fix", true},
		{"* port=!443 -> log; * port=80 -> fix", false},
		{"* port=80 -> log; * port=!443 -> fix", true},
		{"* port=!443 -> log; * port=!80,443 -> fix", false},
		{"* peer=10.0.0.0/8 -> log; * peer=10.1.0.0/16,10.2.2.2 -> fix", false},
		{"* peer=10.0.0.0/8 -> log; * peer=10.1.0.0/16,11.2.2.2 -> fix", true},
		{"* peer=10.1.0.0/16 -> log; * peer=10.0.0.0/8 -> fix", true},
		{"* peer=!10.0.0.0/8 -> log; * peer=11.0.0.0/8 -> fix", false},
		{"* peer=!10.0.0.0/8 -> log; * peer=10.0.0.0/9 -> fix", true},
		{"* peer=!10.0.0.0/8 -> log; * peer=0.0.0.0/0 -> fix", true},
		{"* peer=!10.0.0.0/9 -> log; * peer=!10.0.0.0/8 -> fix", false},
		{"* program=a* -> log; * program=ab*,a? -> fix", false},
		{"* program=a? -> log; * program=a* -> fix", true},
		{"* program=a? -> log; * program=ab -> fix", false},
		{"* program=* -> log; * program=ab -> fix", false},
		{"* program=* -> log; * -> fix", true},
		{"* program=!a -> log; * program=b -> fix", true}, /* not found out */
		{"* callsite=l*!f* -> log; * callsite=lib!foo -> fix", false},
		{"* callsite=l*!f* -> log; * callsite=lib -> fix", true},
		{"* callsite=lib -> log; * callsite=lib!foo -> fix", false},
		{"* op=close,dup2 -> log; * op=close -> fix", false},
		{"* op=close -> log; * op=close,dup2 -> fix", true},
		{"linger-zero -> log; * intent=abort -> fix", false},
		{"* intent=abort -> log; linger-zero -> fix", true},
	};

	(void)state;
	JUDGE(cases);
}

static void the_rule_that_takes_it_is_named(void **state)
{
	struct reach why;

	(void)state;
	read_good("linger-zero -> log\n* port=80 -> log\n* port=80-81 -> log\n* port=80 -> fix");
	assert_false(reach_possible(&rules, &rules.list[3], &why));
	assert_int_equal(why.before->line, 2);
	assert_true(why.several);
	assert_true(reach_possible(&rules, &rules.list[2], &why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_that_contradicts_itself_never_decides),
		cmocka_unit_test(a_rule_behind_a_broader_one_never_decides),
		cmocka_unit_test(the_rule_that_takes_it_is_named),
	};

	return cmocka_run_group_tests_name("reach", tests, NULL, release);
}
