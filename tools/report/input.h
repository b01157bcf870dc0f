/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_INPUT_H
#define RSTFIX_REPORT_INPUT_H

#include "line.h"
#include "memory.h"

#include <sys/types.h>

/*
 * The logs of a report, one after the other in the order of their first lines' time, in blocks that end
 * at the end of a line. Blocks are handed out in order, to one thread at a time.
 */

struct block {
	char *text;
	size_t len, room;
	uint64_t number;     /* of the block, from 0 on */
	unsigned file;	     /* its number in the input */
	uint64_t first_line; /* of the file, from 1 on */
	bool last;	     /* of its file; it may end without a newline */
};

struct input {
	struct input_file {
		char *path;
		uint64_t size; /* 0: it is no file */
		uid_t owner;
		bool counters;	  /* not a log, but a counter file (counters.h) */
		int64_t first_us; /* LINE_UNKNOWN: none of its first lines tells */
		char *why;	  /* it could not be read to its end; NULL: it could */
	} * files;
	size_t count, room;
	uint64_t size, done; /* bytes, of all files and of those that are behind */
	/* while it is read */
	struct stream *stream;
	size_t now;
	uint64_t next_block, next_line;
	char *carry; /* the start of a line that goes on in the next block */
	size_t carry_len, carry_room;
	bool skipping; /* a line that is too long */
	uint64_t bad;  /* lines that were */
};

/* Adds a file, the files of a folder, or "-". False: it cannot be read, errno says why. */
bool input_add(struct input *in, const char *path);

/* To be called when all are added. */
void input_sort(struct input *in);

/* The next block into b, whose room is reused. False: there is none. */
bool input_next(struct input *in, struct block *b);

/* Back to the start, for another reading. Standard input cannot. */
void input_rewind(struct input *in);

void input_free(struct input *in);

#endif
