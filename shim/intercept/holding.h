/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_HOLDING_H
#define RSTFIX_HOLDING_H

#include "../log/event.h"

#include <stdbool.h>

/*
 * A close that would be mended but for the proof that it is the last one (owner.h), with output under
 * way: the socket is held past it until that is acknowledged (fix/hold.h), and nothing is done to it
 * that somebody else who holds it could see.
 */

/*
 * This process has the socket of this record of its own, not of the process that it was forked from,
 * and its holders are not counted. No system call.
 */
bool holding_may(const struct fdrec *rec);

/* There is something to be gained by it: with holding_may(). */
bool holding_saves(enum pattern pattern, int fd, const struct facts *f, const struct fdrec *rec);

/* Before the close: the reaper holds it, and tells e. False: it cannot be held. */
bool holding_begin(int fd, const struct fdrec *rec, struct event *e);

#endif
