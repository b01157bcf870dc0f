/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_MENDING_H
#define RSTFIX_MENDING_H

#include "../fix/drain.h"
#include "../log/event.h"

/*
 * How a socket is closed without a reset: what is chosen, in which order. For the last reference, and
 * where the rules say fix (closing.h, ending.h). The caller makes the real call afterwards.
 */

/*
 * Of a close: hands it over to linger, or what else can be done. True: the event is still to be told. What
 * *signals holds when this returns is to be released after the real call.
 */
bool mending_close(int fd, const struct fdrec *rec, struct event *e, struct signals *signals);

/*
 * The steps of it, which the doors at a program's end take in their own order. A mend begins with
 * mending_disarmed(); false: that is all, and e knows how it ended.
 */
bool mending_disarmed(int fd, struct event *e);

/* Is e to be told now? What is only a risk yet is counted as one. */
bool mending_to_tell(const struct event *e);

/* Its descriptor is about to be the shim's alone: the program gets no SIGIO for it any more. */
void mending_end_async(int fd);

/* May another thread stand in a call on this very socket? */
bool mending_thread_may_be(int fd);

/* May it be reading what is unread? The kernel tells whether it holds the file, after the close. */
bool mending_reader_may_be(int fd, const struct facts *f);

/* With the peer's FIN queued nothing is to be waited for: read up to it. False: not so. */
bool mending_at_peer_fin(int fd, struct event *e, const struct drain_bounds *b);

/* SHUT_WR. False: the connection has ended already, and e knows how. */
bool mending_half_close(int fd, struct event *e, const struct drain_bounds *b);

/* Left to the kernel alone, if a filter may be attached (fix/trim.h): a close, or the end, follows. */
bool mending_trimmed(int fd, struct event *e);

/*
 * A mended connection leaves TIME_WAIT where the reset left nothing: without SO_REUSEADDR the port
 * cannot be bound again for a minute (law 3). Told once.
 */
void mending_tell_time_wait(int fd, const struct event *e);

#endif
