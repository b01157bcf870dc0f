/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_PAPER_H
#define RSTFIX_REPORT_PAPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Lines for people: cut to a terminal's width, coloured where that is wanted, free of what could control it. */

enum ink { INK_PLAIN, INK_BOLD, INK_RED, INK_GREEN, INK_YELLOW, INK_DIM };

struct paper {
	FILE *out;
	size_t width; /* columns; 0: lines are not cut */
	bool colours;
	char line[4096];
	size_t len;
};

/* Asks the terminal, if out is one; NO_COLOR and COLUMNS are respected. */
void paper_start(struct paper *p, FILE *out);

/* Adds to the line that is being made. */
void paper_add(struct paper *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts the line out. */
void paper_end(struct paper *p, enum ink ink);

#endif
