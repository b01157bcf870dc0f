/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_KERNEL_H
#define RSTFIX_KERNEL_H

#include "tracer.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * `rstfix run --kernel`: each RST that the kernel has sent while the command ran, and which line of
 * code is behind it.
 */
struct kernel {
	struct tracer tracer;	/* of the whole machine */
	struct tracer children; /* of what was sent in the command's own time */
	int error;		/* errno of the tracer; 0: it traces */
	bool counted;		/* the counter could be read */
	uint64_t counter;	/* OutRsts of this network namespace, at the start */
};

/* Begins to trace, and has the shim tell closes (RSTFIX_CLOSES) and all events (RSTFIX_RATE). */
void kernel_begin(struct kernel *k);

/* Where the command could not even be started. */
void kernel_stop(struct kernel *k);

/*
 * Stops, matches with the log, tells what came of it on standard error, and appends to the log, as events,
 * the closes that a late RST came of.
 */
void kernel_end(struct kernel *k, const char *log);

#endif
