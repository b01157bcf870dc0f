/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_GATE_H
#define RSTFIX_GATE_H

#include "policy/rules.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The gate of a test run: `rstfix run --fail-on PATTERNS`. All processes of the command write to one
 * log of JSON lines, which is judged when they have ended: what has one of the patterns fails, unless
 * its callsite is in the baseline, the log of an earlier run.
 */
struct gate {
	const char *fail_on; /* as given; NULL: there is no gate */
	const char *baseline;
	const char *exitcode;
	uint32_t patterns; /* bit: number of the pattern (rules.h) */
	int status;	   /* to end with when it fails */
};

/* Reads the gate's options. 0, or EXIT_REFUSED and a person has been told. */
int gate_options(struct gate *g);

/* Refuses what would let it pass because it sees nothing. 0, or EXIT_REFUSED. */
int gate_check(const struct gate *g, const struct options *o, const struct rules *rules);

/* Judges the log (runlog.h) and tells what is in it. True: it passes. */
bool gate_judge(const struct gate *g, const char *log);

#endif
