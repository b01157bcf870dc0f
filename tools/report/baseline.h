/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_BASELINE_H
#define RSTFIX_REPORT_BASELINE_H

#include "tally.h"

/* What was known before: the callsites of an earlier log, or of an earlier report in JSON. */

struct known {
	char *pattern, *op, *stack_id;
	uint64_t count, destroyed;	   /* then */
	uint64_t now_count, now_destroyed; /* after baseline_compare() */
};

struct baseline;

/* NULL: it cannot be read, errno says why; with errno 0 it is neither a log nor a report. */
struct baseline *baseline_read(const char *path);

/* NULL: not known. An event without a stack never is. */
struct known *baseline_find(
	const struct baseline *b, const char *pattern, const char *op, const char *stack_id);

/* Adds the figures of now to what is known. Returns how many callsites are not. */
size_t baseline_compare(struct baseline *b, const struct tally *now);

size_t baseline_count(const struct baseline *b);
const struct known *baseline_at(const struct baseline *b, size_t i);

void baseline_free(struct baseline *b);

#endif
