/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_BLAME_H
#define RSTFIX_BLAME_H

#include "tracer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whose line of code is behind a RST that the kernel has sent: a log with RSTFIX_CLOSES is searched for
 * its two addresses and its time.
 */

enum blame_verdict {
	BLAME_TOLD,    /* an event has told it */
	BLAME_LATE,    /* what the peer sent after a close, or a shutdown, that was none */
	BLAME_IGNORED, /* a rule has ignored the event */
	BLAME_PEER,    /* the other end of a connection in the log has sent it */
	BLAME_ANSWER, /* a listener's, on a port in the log, to what was under way to a dead connection */
	BLAME_UNKNOWN, /* nothing in the log has to do with it */
};

/* One end of a connection at a moment, out of the log. */
struct blame_entry {
	int64_t time_us; /* since the epoch */
	long offset;	 /* of its line in the log */
	bool event;	 /* else a close that was none */
	bool late_told;	 /* it has been told as an event by blame_tell_late() */
	char local[64];	 /* ADDRESS:PORT; empty: not known */
	char peer[64];
	char pattern[24]; /* of a close: empty, or what a rule ignores */
	char op[16];
	char outcome[16];
	char stack_id[40];
};

struct blame;

/* Reads a log. NULL with errno: it cannot be read, or no memory. */
struct blame *blame_new(const char *log);
void blame_free(struct blame *b);

/* Judges a RST that was sent at time_us since the epoch; *entry: what it is laid to, or NULL. */
enum blame_verdict blame_find(
	struct blame *b, const struct traced_reset *r, int64_t time_us, struct blame_entry **entry);

/* Is it an end of any connection in the log on this side? ADDRESS:PORT */
bool blame_knows(const struct blame *b, const char *local);

/* The pattern that a late RST of this close has. */
const char *blame_late_pattern(const struct blame_entry *entry);

/*
 * Appends to the log what the close was after all: an event with its stack, of the time when the RST
 * was sent. Once for each close. False with errno.
 */
bool blame_tell_late(struct blame *b, struct blame_entry *entry, int64_t time_us);

#endif
