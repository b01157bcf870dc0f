/* SPDX-License-Identifier: MIT */
#include "rules.h"

_Static_assert(PATTERN_COUNT <= 32, "patterns are bits of 32");
_Static_assert(OP_COUNT <= 64, "operations are bits of 64");

/* PATTERN_NONE is no pattern of a policy's. */
const char *rules_pattern_name(unsigned number)
{
	return number == PATTERN_NONE || number >= PATTERN_COUNT ? NULL : pattern_names[number];
}

const char *rules_op_name(unsigned number)
{
	return number < OP_COUNT ? op_names[number] : NULL;
}

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
