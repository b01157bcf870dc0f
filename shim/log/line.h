/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_LINE_H
#define RSTFIX_LINE_H

#include "framing.h"

/*
 * A line is put together in one of a few buffers: not on the stack, which may be a small one. More
 * threads than buffers at the same moment lose lines, and that is counted. Any context.
 *
 *	t = line_take(&index);
 *	body = line_begin(&t, &origin, &framed);
 *	render_...(&t, ...);
 *	line_write(&t, body);
 *	line_release(index);
 */

/* Maps the buffers. Called by the constructor. False: no memory. */
bool line_start(void);
void line_forked(void);

/* An empty buffer; text.at is NULL if there is none, and the line is counted as lost. */
struct text line_take(unsigned *index);
void line_release(unsigned index);

/* This process, now. tid: 0 for the calling thread. */
struct origin line_origin(uint64_t seq, int tid);

/* Is the format JSON? */
bool line_json(void);

/* What stands in front of the message, whose start is returned. */
size_t line_begin(struct text *t, const struct origin *o, const struct framed *f);

/* Writes the line whole; line_write() also tells, behind it, how many before it were lost. */
bool line_put(struct text *t, size_t body);
void line_write(struct text *t, size_t body);

#endif
