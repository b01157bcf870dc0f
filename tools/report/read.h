/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_READ_H
#define RSTFIX_REPORT_READ_H

#include "input.h"
#include "tally.h"

/* Reads all of the input by as many threads as there are processors, at most READ_THREADS. */
#define READ_THREADS 4

/*
 * The tally of it, ended. Shows how far it is on standard error, if that is a terminal and it takes
 * long.
 */
struct tally *read_tally(struct input *in);

/*
 * Calls `each` for every line of the input that is JSON, in order, in this thread. Returns how many are
 * not, or are cut off.
 */
typedef void read_each(void *arg, const struct line *line, const char *file, uint64_t number);

uint64_t read_lines(struct input *in, read_each *each, void *arg);

#endif
