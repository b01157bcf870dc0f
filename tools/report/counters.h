/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_COUNTERS_H
#define RSTFIX_REPORT_COUNTERS_H

#include "input.h"
#include "tally.h"

/* Is this, by its name or its first bytes, a counter file of RSTFIX_STATS? */
bool counters_is(const char *path);

/*
 * Adds the counter files of the input, before tally_end(). What they count stands in the place of what the
 * log has of the same process and callsite; lines and summary count where there are more of them.
 */
void counters_add(struct tally *t, struct input *in);

#endif
