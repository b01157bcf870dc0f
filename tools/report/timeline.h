/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_TIMELINE_H
#define RSTFIX_REPORT_TIMELINE_H

#include <stdint.h>

/* How many events when: in at most 64 parts of 2^n seconds each, as small as the whole time allows. */

#define TIMELINE_PARTS 64

struct timeline {
	unsigned shift;	     /* a part is 2^shift seconds */
	int64_t first, last; /* seconds since the epoch */
	uint64_t *counts;    /* of second s at (s >> shift) % TIMELINE_PARTS; NULL: no event */
};

void timeline_add(struct timeline *t, int64_t second, uint64_t events);
void timeline_merge(struct timeline *into, const struct timeline *from);

/* Coarser, so that it covers first to last in the parts of another one. */
void timeline_widen(struct timeline *t, unsigned shift);

/* Of the part that begins at second `part << shift`. */
uint64_t timeline_at(const struct timeline *t, int64_t part);

void timeline_free(struct timeline *t);

#endif
