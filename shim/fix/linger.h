/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_LINGER_H
#define RSTFIX_LINGER_H

#include "../log/event.h"
#include "drain.h"
#include "hold.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Lingering close that nobody waits for: the socket goes to the reaper, a thread with a descriptor
 * table of its own, and the program's close() returns at once. The reaper drains and waits for the
 * peer's FIN within the bounds, then closes, and tells the outcome.
 *
 * The thread is made by clone() at first need, not by pthread_create(): that allocates and takes
 * locks, and close() is called in signal handlers. libc does not know of it, and its own private
 * broadcasts (setuid, TSYNC filters) are doors that end it first. Needs Linux 5.9 (close_range,
 * pidfd_getfd); where it cannot be had, drain_linger() waits inside the close.
 */

/* How long a watched socket is held. */
#define LINGER_WATCH_MS 2000

/* What a lingering socket takes with it through the channel. */
struct parcel {
	struct event event;
	struct drain_bounds bounds;
	bool half_close;  /* not yet shut: a thread may stand in a write */
	int writer;	  /* in_flight_rename(): not to be shut as long as a call is in progress */
	bool watched;	  /* shut on both sides, and nothing is mended: does a RST come? */
	bool trimmed;	  /* by deferred_trim() */
	bool told;	  /* the event is: how this socket ends is not */
	struct hold hold; /* only held: not half-closed, and nobody knows who else has it */
};

/*
 * Hands fd over: half-closed already, known to be the last reference, unless it is only held. The caller closes its own
 * number afterwards; half-closed only if the parcel does not ask for that. False: the reaper cannot be had, or cannot take more. No errno, no allocation;
 * any context but a vfork child.
 */
bool linger_adopt(int fd, const struct parcel *p);

/* Is there a reaper, or can one be had? It is made. */
bool linger_ready(void);

/*
 * Settles all that lingers: waits at most self.opt.exit_ms until its output is acknowledged, then
 * closes it, and the reaper has ended when this returns. `for_good`: no new one is made. Called at
 * exit, before exec, and before what must reach every thread or needs that there is one only.
 */
void linger_settle(bool for_good);

/* The same where the time has begun to run before: until this moment (start_now_ms()). */
void linger_settle_until(bool for_good, uint32_t until_ms);

/*
 * After the program has changed its identity or given up a privilege by this system call: the reaper
 * makes it as well, or ends. It must not keep what the program has given up.
 */
void linger_identity(long number, long a, long b, long c);

/* No reaper here, in a sandbox that does not let it be: mended closes wait themselves. */
void linger_forbid(void);
bool linger_forbidden(void);

/* A new one may be made again: what linger_settle(true) was for has failed. */
void linger_resume(void);

/* In a forked child: what lingers is the parent's. */
void linger_forked(void);

/* Has the channel to the reaper a number of the program's? */
bool linger_open(void);

/* Is this the shim's end of it? */
bool linger_owns(int fd);

/* The program is about to take this number (dup2): the channel gives way. */
void linger_yield(unsigned first, unsigned last);

/* The program lacks descriptors: the channel's is given back. False: there was none. */
bool linger_give_way(void);

#endif
