/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define BOTH (1U << JUDGE_AUDIT | 1U << JUDGE_FIX)

struct cell {
	unsigned scenarios, modes;
};

static struct cell cells[PATTERN_COUNT][OP_COUNT];

void table_note(const struct claim *c, const char *way, enum judge_mode mode)
{
	struct cell *cell;

	if (!c || !c->pattern)
		return;
	cell = &cells[cells_pattern(c)][cells_op(c, way)];
	cell->scenarios++;
	cell->modes |= 1U << mode;
}

static bool is_right(enum pattern p, enum op op)
{
	return cells_impossible(p, op) ? !cells[p][op].modes : (cells[p][op].modes & BOTH) == BOTH;
}

static void print_pattern(enum pattern p)
{
	print_message("# %s:", pattern_names[p]);
	for (int op = 0; op < OP_COUNT; op++) {
		if (cells[p][op].scenarios)
			print_message(" %s %u", op_names[op], cells[p][op].scenarios);
	}
	print_message("\n");
}

static void complain(enum pattern p, enum op op)
{
	const char *why = cells_impossible(p, op);

	if (why)
		print_message(
			"%s by %s is shown, though: %s\n", pattern_names[p], op_names[op], why);
	else
		print_message("%s by %s: no scenario in %s\n", pattern_names[p], op_names[op],
			cells[p][op].modes ? "both modes" : "any mode");
}

bool table_is_whole(void)
{
	bool whole = true;

	for (int p = 0; p < PATTERN_COUNT; p++) {
		print_pattern((enum pattern)p);
		for (int op = 0; op < OP_COUNT; op++) {
			if (is_right((enum pattern)p, (enum op)op))
				continue;
			complain((enum pattern)p, (enum op)op);
			whole = false;
		}
	}
	return whole;
}
