/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_TOPROWS_H
#define RSTFIX_TOPROWS_H

#include "base/format.h"
#include "statsread.h"

/* The table of `rstfix top`: a row for each callsite of a program, summed up over its processes. */

struct top_row {
	const char *program, *pattern, *op;
	const struct stats_callsite *site; /* of one of the processes: the frames */
	uint64_t stack_id;
	uint64_t events, unread, lost, saved;
	struct {
		const char *name; /* NULL after the last */
		uint64_t events;
	} outcomes[STATS_NAMES];
	double rate; /* events a second since the table before; negative: there was none */
	int pid;
	unsigned processes, running, ended;
};

struct top_rows {
	struct top_row *list;
	size_t count;
};

enum top_order { TOP_RATE, TOP_EVENTS, TOP_LOST, TOP_UNREAD, TOP_PROGRAM };

/* The rows point into f. False: no memory. */
bool top_rows_make(struct top_rows *rows, const struct stats_folder *f);

/* Fills in the rates: before is the table of so many seconds ago, in the order of programs. */
void top_rows_rate(struct top_rows *rows, const struct top_rows *before, double seconds);

void top_rows_sort(struct top_rows *rows, enum top_order order);

/* One line without its end; what came from the file is safe for a terminal. Short: 12.3M for bytes. */
void top_rows_head(struct text *t);
void top_rows_print(struct text *t, const struct top_row *row, bool shortly);

#endif
