/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_GATE_H
#define RSTFIX_GATE_H

#include "policy/rules.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/*
 * The gate of a test run: `rstfix run --fail-on PATTERNS`. All processes of the command write to one
 * log of JSON lines, which is judged when they have ended: what has one of the patterns fails, unless
 * its callsite is in the baseline, the log of an earlier run.
 */
struct gate {
	const char *fail_on; /* as given; NULL: there is no gate */
	const char *baseline;
	const char *exitcode;
	uint32_t patterns;     /* bit: number of the pattern (rules.h) */
	int status;	       /* to end with when it fails */
	char log[PATH_MAX];    /* the gate's own, which all processes write */
	const char *copy_path; /* where the caller wants it as well; NULL: nowhere */
	FILE *copy;
};

/* Reads the gate's options. 0, or EXIT_REFUSED and a person has been told. */
int gate_options(struct gate *g);

/*
 * Chooses the log, and sets RSTFIX_LOG and RSTFIX_FORMAT by it; o is what the environment says.
 * 0, or EXIT_REFUSED.
 */
int gate_open(struct gate *g, const struct options *o, const struct rules *rules);

/* Judges the log, tells what is in it, and removes it if it is the gate's own. True: it passes. */
bool gate_judge(struct gate *g);

#endif
