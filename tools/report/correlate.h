/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_CORRELATE_H
#define RSTFIX_REPORT_CORRELATE_H

#include "input.h"

#include <stdbool.h>
#include <stdio.h>

/*
 * Two ends' logs side by side: each reset that one application was told of (peer-reset,
 * write-after-close) with the event by which the other one caused it, found by the same two addresses and
 * the time. Both inputs must be files, which are read twice.
 */

struct correlate_options {
	bool json;
	const char *sysroot, *perf_maps; /* as in symbols.h; NULL: /tmp */
};

void correlate(
	struct input *server, struct input *client, const struct correlate_options *o, FILE *out);

#endif
