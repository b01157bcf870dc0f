/* SPDX-License-Identifier: MIT */
#include "rules.h"

/*
 * A policy may name everything that events will ever have: it is not to become a mistake on the
 * machine with the older version, nor to need a change with the newer one.
 */
static const char *const later_patterns[] = {"linger2-negative", "listener-close", "disconnect"};
static const char *const later_ops[] = {"exit", "exec"};

#define LATER_PATTERNS (sizeof(later_patterns) / sizeof(later_patterns[0]))
#define LATER_OPS      (sizeof(later_ops) / sizeof(later_ops[0]))

_Static_assert(PATTERN_COUNT + LATER_PATTERNS <= 32, "patterns are bits of 32");
_Static_assert(OP_COUNT + LATER_OPS <= 64, "operations are bits of 64");

/* PATTERN_NONE is no pattern of a policy's. */
const char *rules_pattern_name(unsigned number)
{
	if (number == PATTERN_NONE)
		return NULL;
	if (number < PATTERN_COUNT)
		return pattern_names[number];
	return number - PATTERN_COUNT < LATER_PATTERNS ? later_patterns[number - PATTERN_COUNT]
						       : NULL;
}

const char *rules_op_name(unsigned number)
{
	if (number < OP_COUNT)
		return op_names[number];
	return number - OP_COUNT < LATER_OPS ? later_ops[number - OP_COUNT] : NULL;
}

/* The first of that name: what this version raises comes before what it does not. */
static int number_of(struct span name, const char *(*name_of)(unsigned), unsigned from)
{
	for (unsigned i = from; name_of(i); i++) {
		if (span_is(name, name_of(i)))
			return (int)i;
	}
	return -1;
}

int rules_pattern_number(struct span name)
{
	return number_of(name, rules_pattern_name, PATTERN_NONE + 1);
}

int rules_op_number(struct span name)
{
	return number_of(name, rules_op_name, 0);
}
