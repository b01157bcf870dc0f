/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REAPER_H
#define RSTFIX_REAPER_H

#include "linger.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The reaper's own side (linger.c is the program's, slots.c the sockets): the body of the helper
 * thread. Idle for a while it sleeps for ever; else it ticks, and nothing that arrives for a lingering socket
 * wakes it up: a wake-up for each close costs more than the close.
 */

/*
 * Gives the reaper the receiving end of a channel, a number of the program's, and waits until it has
 * fetched it; the caller closes its own then. Starts the thread if there is none. False: there is no
 * reaper to be had, or it has not answered.
 */
bool reaper_channel(int fd);

/*
 * The same for a single socket that lingers: what linger_adopt() does without a channel, where the
 * program has no number left for one. Both: one caller at a time.
 */
bool reaper_socket(int fd, const struct parcel *p);

/* After something was sent. Makes a system call only if the reaper sleeps. */
void reaper_notice(void);

/* From now on only output is waited for, at most until this moment (start_now_ms()); then it ends. */
void reaper_settle(uint32_t until_ms);

/*
 * Has the reaper make this system call itself, and waits for it: what libc tells to its own threads
 * only. False: it has failed there, or was not made. One caller at a time.
 */
bool reaper_call(long number, long a, long b, long c);

/* In a forked child. */
void reaper_forked(void);

#endif
