/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_STACKS_H
#define RSTFIX_REPORT_STACKS_H

#include "line.h"
#include "memory.h"

/* The frames of each stack_id. They come with few of its events and are good for all. */

struct source; /* symbols.h */

struct stack_frame {
	const char *module, *build_id, *symbol; /* words; "" where not known */
	uint64_t offset;
	bool language; /* of the program's language: symbol is the function, module the file, */
	unsigned line; /* and this the line; 0: not known */
	const struct source *source; /* of the call itself and what it is inlined into */
};

struct stack {
	const char *id;	     /* a word */
	int64_t time_us;     /* of the event that told the frames */
	const char *host;    /* whose process told them; a word */
	uint64_t pid, start; /* and which: its number, and its start in seconds since the epoch */
	unsigned count;
	struct stack_frame *frames; /* those of the language, then the others; callee first */
	const char
		*why_unnamed; /* that of code made at run time has no name (perf_map.h); or NULL */
};

struct stacks {
	struct stack *list;
	size_t count, room;
	struct table table;
};

/* Keeps the frames of s, a stack of line l, if it has any. Of several tellings the earliest counts. */
void stacks_add(
	struct stacks *all, struct words *words, const struct line_stack *s, const struct line *l);

void stacks_merge(struct stacks *into, struct words *words, const struct stacks *from);

/* NULL if no event has told it. */
struct stack *stacks_find(const struct stacks *all, const char *id);

void stacks_free(struct stacks *all);

#endif
