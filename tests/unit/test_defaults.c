/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/rules.h"

static void audit_never_fixes(void **state)
{
	(void)state;
	for (int p = 0; p < PATTERN_COUNT; p++)
		for (int i = INTENT_NONE; i <= INTENT_ABORT; i++)
			assert_int_equal(rules_default(MODE_AUDIT, (enum pattern)p, (enum intent)i,
						 STATUS_UNKNOWN),
				ACTION_LOG);
}

static enum action default_in_fix(enum pattern pattern, enum intent intent)
{
	return rules_default(MODE_FIX, pattern, intent, STATUS_UNKNOWN);
}

static void fix_leaves_deliberate_aborts_and_the_receiving_side_alone(void **state)
{
	(void)state;
	assert_int_equal(default_in_fix(PATTERN_UNREAD_CLOSE, INTENT_NONE), ACTION_FIX);
	assert_int_equal(default_in_fix(PATTERN_LINGER_ZERO, INTENT_CONFIG), ACTION_FIX);
	assert_int_equal(default_in_fix(PATTERN_LINGER_ZERO, INTENT_ABORT), ACTION_LOG);
	assert_int_equal(default_in_fix(PATTERN_LINGER_ZERO, INTENT_UNKNOWN), ACTION_LOG);
	assert_int_equal(default_in_fix(PATTERN_WRITE_AFTER_CLOSE, INTENT_NONE), ACTION_LOG);
	assert_int_equal(default_in_fix(PATTERN_PEER_RESET, INTENT_NONE), ACTION_LOG);
	assert_int_equal(default_in_fix(PATTERN_LINGER2_NEGATIVE, INTENT_NONE), ACTION_FIX);
	assert_int_equal(default_in_fix(PATTERN_LISTENER_CLOSE, INTENT_NONE), ACTION_LOG);
	assert_int_equal(default_in_fix(PATTERN_DISCONNECT, INTENT_NONE), ACTION_LOG);
	assert_true(rules_mendable(PATTERN_LISTENER_CLOSE));
	assert_false(rules_mendable(PATTERN_DISCONNECT));
}

static void fix_leaves_a_failed_program_alone(void **state)
{
	(void)state;
	for (int p = 0; p < PATTERN_COUNT; p++)
		assert_int_equal(
			rules_default(MODE_FIX, (enum pattern)p, INTENT_CONFIG, STATUS_NONZERO),
			ACTION_LOG);
	assert_int_equal(rules_default(MODE_FIX, PATTERN_UNREAD_CLOSE, INTENT_NONE, STATUS_ZERO),
		ACTION_FIX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(audit_never_fixes),
		cmocka_unit_test(fix_leaves_deliberate_aborts_and_the_receiving_side_alone),
		cmocka_unit_test(fix_leaves_a_failed_program_alone),
	};

	return cmocka_run_group_tests_name("defaults", tests, NULL, NULL);
}
