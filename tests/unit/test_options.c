/* SPDX-License-Identifier: MIT */
#include "policy/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct complaint {
	unsigned count;
	const struct option *row;
	char name[128];
	char value[64];
};

static void remember(void *arg, const struct option *row, const char *name, const char *value)
{
	struct complaint *c = arg;

	c->count++;
	c->row = row;
	snprintf(c->name, sizeof(c->name), "%s", name);
	snprintf(c->value, sizeof(c->value), "%s", value);
}

/* Reads an environment of up to four strings and checks that each mistake was told once. */
static struct options read_env(struct complaint *c, const char *a, const char *b, const char *d)
{
	char *env[] = {(char *)"HOME=/", (char *)a, (char *)(b ? b : "A=1"),
		(char *)(d ? d : "B=2"), NULL};
	static struct options o;
	unsigned mistakes;

	memset(c, 0, sizeof(*c));
	memset(&o, 0xff, sizeof(o));
	mistakes = options_read(&o, env, remember, c);
	assert_int_equal(mistakes, c->count);
	return o;
}

static struct options read_good(const char *setting)
{
	struct complaint c;
	struct options o = read_env(&c, setting, NULL, NULL);

	if (c.count)
		fail_msg("%s was refused", setting);
	return o;
}

static void assert_same_options(const struct options *a, const struct options *b)
{
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->log, b->log);
	assert_string_equal(a->log_path, b->log_path);
	assert_int_equal(a->format, b->format);
	assert_int_equal(a->backtrace, b->backtrace);
	assert_int_equal(a->rate, b->rate);
	assert_int_equal(a->linger.idle_ms, b->linger.idle_ms);
	assert_int_equal(a->linger.total_ms, b->linger.total_ms);
	assert_int_equal(a->linger.sockets, b->linger.sockets);
	assert_int_equal(a->linger.bytes_accepted, b->linger.bytes_accepted);
	assert_int_equal(a->linger.bytes_connected, b->linger.bytes_connected);
	assert_int_equal(a->exit_ms, b->exit_ms);
	assert_string_equal(a->programs, b->programs);
	assert_int_equal(a->follow, b->follow);
	assert_int_equal(a->watch, b->watch);
	assert_string_equal(a->stats, b->stats);
	assert_ptr_equal(a->policy, b->policy);
	assert_ptr_equal(a->policy_file, b->policy_file);
}

static const struct option *row_named(const char *name)
{
	for (size_t i = 0; i < options_count; i++) {
		if (strcmp(options_table[i].name, name) == 0)
			return &options_table[i];
	}
	return NULL;
}

static void an_environment_without_rstfix_gives_the_defaults(void **state)
{
	struct options o = read_good("PATH=/bin"), defaults;

	(void)state;
	options_default(&defaults);
	assert_same_options(&o, &defaults);
	assert_int_equal(o.mode, MODE_AUDIT);
	assert_int_equal(o.log, LOG_STDERR);
	assert_int_equal(o.backtrace, 16);
	assert_int_equal(o.linger.idle_ms, 2000);
	assert_int_equal(o.linger.total_ms, 30000);
	assert_int_equal(o.linger.sockets, 1024);
	assert_true(o.linger.bytes_accepted == BYTES_NO_CAP);
	assert_int_equal(o.linger.bytes_connected, 1 << 20);
	assert_int_equal(o.exit_ms, 1000);
	assert_true(o.follow);
	assert_false(o.watch);
}

static void every_default_that_is_told_is_the_default_that_is_used(void **state)
{
	struct options defaults;

	(void)state;
	options_default(&defaults);
	for (size_t i = 0; i < options_count; i++) {
		struct options o = defaults;

		if (*options_table[i].fallback)
			assert_true(options_table[i].parse(&o, options_table[i].fallback));
		assert_same_options(&o, &defaults);
	}
}

static void every_row_tells_a_person_what_it_is(void **state)
{
	(void)state;
	assert_int_equal(options_count, 14);
	for (size_t i = 0; i < options_count; i++) {
		const struct option *row = &options_table[i];

		assert_memory_equal(row->name, "RSTFIX_", 7);
		assert_true(strlen(row->type) > 0 && strlen(row->allowed) > 0);
		assert_int_equal(row->help[strlen(row->help) - 1], '.');
		assert_ptr_equal(row_named(row->name), row);
	}
}

static void good_values_are_taken(void **state)
{
	(void)state;
	assert_int_equal(read_good("RSTFIX_MODE=audit").mode, MODE_AUDIT);
	assert_int_equal(read_good("RSTFIX_MODE=fix").mode, MODE_FIX);
	assert_int_equal(read_good("RSTFIX_MODE=off").mode, MODE_OFF);
	assert_string_equal(read_good("RSTFIX_POLICY=* -> log").policy, "* -> log");
	assert_string_equal(read_good("RSTFIX_POLICY_FILE=/etc/rules").policy_file, "/etc/rules");
	assert_int_equal(read_good("RSTFIX_LOG=none").log, LOG_NONE);
	assert_int_equal(read_good("RSTFIX_LOG=stderr").log, LOG_STDERR);
	assert_int_equal(read_good("RSTFIX_LOG=syslog").log, LOG_SYSLOG);
	assert_int_equal(read_good("RSTFIX_LOG=journal").log, LOG_JOURNAL);
	assert_int_equal(read_good("RSTFIX_LOG=./x").log, LOG_FILE);
	assert_string_equal(read_good("RSTFIX_LOG=/a=b/%e.%p.%%").log_path, "/a=b/%e.%p.%%");
	assert_int_equal(read_good("RSTFIX_FORMAT=json").format, FORMAT_JSON);
	assert_int_equal(read_good("RSTFIX_FORMAT=text").format, FORMAT_TEXT);
	assert_int_equal(read_good("RSTFIX_BACKTRACE=0").backtrace, 0);
	assert_int_equal(read_good("RSTFIX_BACKTRACE=64").backtrace, 64);
	assert_int_equal(read_good("RSTFIX_RATE=0").rate, 0);
	assert_int_equal(read_good("RSTFIX_RATE=1000000").rate, 1000000);
	assert_int_equal(read_good("RSTFIX_EXIT=0").exit_ms, 0);
	assert_int_equal(read_good("RSTFIX_EXIT=250ms").exit_ms, 250);
	assert_int_equal(read_good("RSTFIX_EXIT=2s").exit_ms, 2000);
	assert_int_equal(read_good("RSTFIX_EXIT=60m").exit_ms, 3600000);
	assert_string_equal(read_good("RSTFIX_PROGRAMS=httpd, ng*").programs, "httpd, ng*");
	assert_false(read_good("RSTFIX_FOLLOW=0").follow);
	assert_true(read_good("RSTFIX_WATCH=1").watch);
	assert_string_equal(read_good("RSTFIX_STATS=/run/x").stats, "/run/x");
}

static void the_keys_of_linger_come_in_any_order_and_each_may_be_missing(void **state)
{
	struct options o = read_good("RSTFIX_LINGER=bytes=64K,sockets=7,total=1m,idle=150ms");

	(void)state;
	assert_int_equal(o.linger.idle_ms, 150);
	assert_int_equal(o.linger.total_ms, 60000);
	assert_int_equal(o.linger.sockets, 7);
	assert_int_equal(o.linger.bytes_accepted, 65536);
	assert_int_equal(o.linger.bytes_connected, 65536);
	o = read_good("RSTFIX_LINGER=total=0");
	assert_int_equal(o.linger.total_ms, 0);
	assert_int_equal(o.linger.idle_ms, 2000);
	assert_true(o.linger.bytes_accepted == BYTES_NO_CAP);
	assert_true(
		read_good("RSTFIX_LINGER=bytes=1024G").linger.bytes_accepted == (uint64_t)1 << 40);
	assert_int_equal(read_good("RSTFIX_LINGER=bytes=1").linger.bytes_accepted, 1);
}

static void bad_values_are_named_and_change_nothing(void **state)
{
	static const char *const bad[] = {"MODE=Fix", "MODE=audit ", "MODE=1", "LOG=stdout",
		"LOG=rstfix.log", "LOG=/var/%d", "LOG=/var/100%", "FORMAT=xml", "BACKTRACE=65",
		"BACKTRACE=-1", "BACKTRACE=0x10", "BACKTRACE=16 ", "RATE=1000001",
		"RATE=18446744073709551617", "RATE=ten", "LINGER=idle", "LINGER=idle=2",
		"LINGER=idle=2s,", "LINGER=idle=61m", "LINGER=idle=2h", "LINGER=idle=1.5s",
		"LINGER=idle=s", "LINGER=idle=", "LINGER=idle=1s,,total=1s", "LINGER=wait=1s",
		"LINGER=sockets=0", "LINGER=sockets=1048577", "LINGER=bytes=0", "LINGER=bytes=1T",
		"LINGER=bytes=1025G", "LINGER=bytes=1k", "LINGER=total=1s,idle=-1s", "EXIT=1",
		"EXIT=3600001ms", "EXIT=forever", "EXIT=1 s", "PROGRAMS=a,,b", "PROGRAMS=a,",
		"PROGRAMS= ", "PROGRAMS=/usr/sbin/httpd", "FOLLOW=yes", "FOLLOW=2", "WATCH=on",
		"STATS=1"};
	struct options o, defaults;
	struct complaint c;

	(void)state;
	options_default(&defaults);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char setting[64];

		snprintf(setting, sizeof(setting), "RSTFIX_%s", bad[i]);
		o = read_env(&c, setting, NULL, NULL);
		if (c.count != 1)
			fail_msg("%s gave %u complaints", bad[i], c.count);
		assert_non_null(c.row);
		assert_string_equal(c.name, c.row->name);
		assert_memory_equal(c.name, setting, strlen(c.name));
		assert_string_equal(c.value, strchr(setting, '=') + 1);
		assert_same_options(&o, &defaults);
	}
}

static void a_path_longer_than_a_path_may_be_is_refused(void **state)
{
	static char setting[PATH_MAX + 32];
	struct complaint c;

	(void)state;
	memset(setting, 'x', sizeof(setting) - 1);
	memcpy(setting, "RSTFIX_LOG=/", 12);
	assert_int_equal(read_env(&c, setting, NULL, NULL).log, LOG_STDERR);
	assert_int_equal(c.count, 1);
	memcpy(setting, "RSTFIX_STATS=/", 14);
	assert_string_equal(read_env(&c, setting, NULL, NULL).stats, "");
	assert_int_equal(c.count, 1);
	setting[strlen("RSTFIX_LOG=") + PATH_MAX - 1] = '\0';
	memcpy(setting, "RSTFIX_LOG=/xx", 14);
	assert_int_equal(strlen(read_good(setting).log_path), PATH_MAX - 1);
}

static void more_program_names_than_fit_are_refused(void **state)
{
	static char setting[1200];
	struct complaint c;

	(void)state;
	memset(setting, 'x', sizeof(setting) - 1);
	memcpy(setting, "RSTFIX_PROGRAMS=", 16);
	assert_string_equal(read_env(&c, setting, NULL, NULL).programs, "");
	assert_int_equal(c.count, 1);
}

static void an_empty_value_means_the_default(void **state)
{
	struct options defaults;

	(void)state;
	options_default(&defaults);
	for (size_t i = 0; i < options_count; i++) {
		char setting[64];
		struct options o;

		snprintf(setting, sizeof(setting), "%s=", options_table[i].name);
		o = read_good(setting);
		assert_same_options(&o, &defaults);
	}
	assert_int_equal(read_good("RSTFIX_MODE").mode, MODE_AUDIT);
}

static void an_unknown_name_is_told_and_enforces_nothing(void **state)
{
	struct complaint c;
	struct options o = read_env(&c, "RSTFIX_MOOD=fix", "RSTFIX_MODE=fix", NULL);

	(void)state;
	assert_int_equal(c.count, 1);
	assert_null(c.row);
	assert_string_equal(c.name, "RSTFIX_MOOD");
	assert_string_equal(c.value, "fix");
	assert_int_equal(o.mode, MODE_AUDIT); /* it may be RSTFIX_POLICY, misspelt */
	read_env(&c, "RSTFIX_MODES=fix", NULL, NULL);
	assert_string_equal(c.name, "RSTFIX_MODES");
	read_env(&c, "RSTFIX_MOD=fix", NULL, NULL);
	assert_string_equal(c.name, "RSTFIX_MOD");
	read_env(&c, "RSTFIX_", NULL, NULL);
	assert_string_equal(c.name, "RSTFIX_");
}

static void a_long_unknown_name_is_cut_not_overrun(void **state)
{
	char setting[300];
	struct complaint c;

	(void)state;
	memset(setting, 'Z', sizeof(setting));
	memcpy(setting, "RSTFIX_", 7);
	memcpy(setting + sizeof(setting) - 3, "=1", 3);
	read_env(&c, setting, NULL, NULL);
	assert_int_equal(c.count, 1);
	assert_in_range(strlen(c.name), 7, 64);
	assert_memory_equal(c.name, setting, strlen(c.name));
}

static void names_that_are_not_ours_are_left_alone(void **state)
{
	struct complaint c;

	(void)state;
	read_env(&c, "RSTFIXMODE=bad", "XRSTFIX_MODE=bad", "rstfix_mode=bad");
	assert_int_equal(c.count, 0);
}

static void a_mistake_in_the_mode_or_scope_never_enforces(void **state)
{
	struct complaint c;

	(void)state;
	assert_int_equal(read_env(&c, "RSTFIX_MODE=fxi", NULL, NULL).mode, MODE_AUDIT);
	assert_int_equal(
		read_env(&c, "RSTFIX_PROGRAMS=a,", "RSTFIX_MODE=fix", NULL).mode, MODE_AUDIT);
	assert_int_equal(
		read_env(&c, "RSTFIX_MODE=fix", "RSTFIX_PROGRAMS=a,", NULL).mode, MODE_AUDIT);
	assert_int_equal(
		read_env(&c, "RSTFIX_MODE=off", "RSTFIX_PROGRAMS=a,", NULL).mode, MODE_OFF);
	assert_int_equal(read_env(&c, "RSTFIX_MODE=fix", "RSTFIX_RATE=x", NULL).mode, MODE_FIX);
	for (size_t i = 0; i < options_count; i++) {
		const char *name = options_table[i].name;
		bool scope = strstr(name, "MODE") || strstr(name, "POLICY") ||
			strstr(name, "PROGRAMS") || strstr(name, "FOLLOW");

		assert_int_equal(options_table[i].enforcing, scope);
	}
}

static void program_names_match_the_globs_of_a_list(void **state)
{
	static const struct {
		const char *list, *name;
		bool matches;
	} cases[] = {
		{"", "anything", true},
		{"httpd", "httpd", true},
		{"httpd", "httpd2", false},
		{"httpd", "http", false},
		{"a,b,httpd", "httpd", true},
		{"a, httpd ,b", "httpd", true},
		{"python3*", "python3", true},
		{"python3*", "python3.11", true},
		{"python3*", "python2", false},
		{"python?", "python3", true},
		{"python?", "python", false},
		{"*", "x", true},
		{"*", "", true},
		{"*d", "nginx,d", true},
		{"*ab*ab", "abxabab", true},
		{"*ab*ab", "abxaba", false},
		{"a**b", "ab", true},
		{"[ab]", "a", false},
		{"?", "", false},
		{"x", "", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (options_program_matches(cases[i].list, cases[i].name) != cases[i].matches)
			fail_msg("\"%s\" and \"%s\"", cases[i].list, cases[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_environment_without_rstfix_gives_the_defaults),
		cmocka_unit_test(every_default_that_is_told_is_the_default_that_is_used),
		cmocka_unit_test(every_row_tells_a_person_what_it_is),
		cmocka_unit_test(good_values_are_taken),
		cmocka_unit_test(the_keys_of_linger_come_in_any_order_and_each_may_be_missing),
		cmocka_unit_test(bad_values_are_named_and_change_nothing),
		cmocka_unit_test(a_path_longer_than_a_path_may_be_is_refused),
		cmocka_unit_test(more_program_names_than_fit_are_refused),
		cmocka_unit_test(an_empty_value_means_the_default),
		cmocka_unit_test(an_unknown_name_is_told_and_enforces_nothing),
		cmocka_unit_test(a_long_unknown_name_is_cut_not_overrun),
		cmocka_unit_test(names_that_are_not_ours_are_left_alone),
		cmocka_unit_test(a_mistake_in_the_mode_or_scope_never_enforces),
		cmocka_unit_test(program_names_match_the_globs_of_a_list),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
