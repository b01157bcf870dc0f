/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_RUNLOG_H
#define RSTFIX_RUNLOG_H

#include "policy/options.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * One log of JSON lines for all processes of a command that `rstfix run` waits for: a file of its own,
 * so that it holds nothing else and nobody can clean it up. It goes at the end, into the caller's log.
 */
struct runlog {
	char path[PATH_MAX];
	const char *copy_path; /* where the caller wants it as well; NULL: nowhere */
	FILE *copy;
};

/*
 * Makes it, and sets RSTFIX_LOG and RSTFIX_FORMAT by it; o is what the environment says, `option`
 * what asks for it ("--fail-on"). 0, or EXIT_REFUSED and a person has been told.
 */
int runlog_open(struct runlog *l, const struct options *o, const char *option);

/* Appends it to the caller's log, and removes it. */
void runlog_end(struct runlog *l);

#endif
