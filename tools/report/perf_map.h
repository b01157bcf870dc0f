/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_PERF_MAP_H
#define RSTFIX_REPORT_PERF_MAP_H

#include "input.h"
#include "stacks.h"

/*
 * Names of code made at run time, out of the perf map that a runtime writes: perf-PID.map, with lines
 * "START SIZE NAME", the numbers in hex. Of the process that told the frames; nobody may have forged it:
 * no link, and written by root, by the owner of a log or by who reports, and by nobody else.
 */

struct perf_maps {
	const char *folder;	     /* NULL: /tmp, for processes of this machine */
	const struct input *logs[2]; /* NULL: there are no more */
};

/* Sets the symbol of frames without a module; of a stack where that fails, why_unnamed. */
void perf_map_resolve(struct stacks *stacks, struct words *words, const struct perf_maps *maps);

#endif
