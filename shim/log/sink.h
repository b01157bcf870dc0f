/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_SINK_H
#define RSTFIX_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where lines go: the program's standard error, a file, syslog or the journal. Async-signal-safe;
 * a write never blocks, never raises SIGPIPE, and never reaches a descriptor that is not the
 * sink's own any more (law 9). What cannot be written is counted.
 */

/*
 * Takes the configuration of `self`. Called by the constructor. A file is opened at the first
 * event only. Returns NULL, or why the file cannot be written; standard error is used then.
 */
const char *sink_start(void);

/* In a forked child: a file named by %p is another one now. */
void sink_forked(void);

/* The helper thread has a new, empty descriptor table. Called by that thread. */
void sink_helper_began(void);

/* Writes one line or block, whole. False: lost, and counted. */
bool sink_write(const char *buf, size_t len);

/* How many sink_write() calls have failed; sink_lost_since() tells those not yet reported. */
uint64_t sink_lost(void);
uint64_t sink_lost_since(void);

/* Counts something that never reached sink_write(). */
void sink_lose(void);

/* Raised by each (re)opening of the log: frames must be told anew. */
uint32_t sink_generation(void);

/* Has it a number of the program's? */
bool sink_open(void);

/* Is this the log's own descriptor? The program did not open it, so for it it is not there. */
bool sink_owns(int fd);

/* The descriptor number is about to be taken by the program (dup2, close_range). */
void sink_yield(unsigned first, unsigned last);

/* The program lacks descriptors: closes the log, until the next event. False: it is not open. */
bool sink_give_way(void);

#endif
