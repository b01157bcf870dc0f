/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_HOLD_H
#define RSTFIX_HOLD_H

#include "../log/event.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Holding a socket of which nobody knows who else has it: it stays open until what was queued at the
 * close is acknowledged, and nothing is done to it that another holder could see. Its last close
 * then resets as it would have, but the peer has everything. Used by the reaper (slots.h) and at a
 * program's end (exit.h). By raw system call, no allocation; any context but a vfork child.
 */
struct hold {
	uint64_t until; /* tcpi_bytes_acked by which all of it is; 0: this socket is not held */
	uint64_t acked; /* at the last look */
	bool own;    /* the program has sent or duplicated it itself: that others hold it is told */
	bool closed; /* by the program */
	bool in_use; /* known to be the last reference, but for a thread that may stand in a read or write */
	uint8_t unread; /* looks running at which it had input */
};

enum hold_state { HOLD_WAITS, HOLD_OVER, HOLD_CORKED, HOLD_RESET };

/* What is queued now. Others may go on writing: their output is not waited for. */
void hold_begin(struct hold *h, int fd, const struct fdrec *rec);

enum hold_state hold_look(struct hold *h, int fd);

/*
 * Is it to be looked at? It was handed over `ms` ago, and last looked at since_ms ago. The program's own
 * close comes after it was handed over: until then it would seem to be held by somebody else.
 */
bool hold_due(struct hold *h, uint32_t ms, uint32_t since_ms);

/* To be asked after each look: of one that is in_use, nobody reads what has come. */
bool hold_unread(struct hold *h, int fd);

/*
 * Closes fd and tells e, which has ended in this state; what still waits has hit a limit. Nothing is
 * told where somebody else holds the socket, or has read what was unread.
 */
void hold_end(const struct hold *h, int fd, struct event *e, enum hold_state state);

#endif
