/* SPDX-License-Identifier: MIT */
#include "rules.h"

const char *const action_names[] = {[ACTION_LOG] = "log", [ACTION_FIX] = "fix"};

enum action rules_default(enum mode mode, enum pattern pattern, enum intent intent)
{
	if (mode != MODE_FIX)
		return ACTION_LOG;
	switch (pattern) {
	case PATTERN_UNREAD_CLOSE:
		return ACTION_FIX;
	case PATTERN_LINGER_ZERO:
		/* A deliberate abort: a FIN would make a cut answer look whole. */
		return intent == INTENT_CONFIG ? ACTION_FIX : ACTION_LOG;
	default:
		return ACTION_LOG;
	}
}
