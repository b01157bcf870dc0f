/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_TRIM_H
#define RSTFIX_TRIM_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A socket filter that cuts the payload off whatever still comes: acknowledgements are processed,
 * nothing is queued, so that a close right after cannot reset, and the kernel delivers the output by
 * itself, even after the process has ended. Until the FIN is acknowledged, that is: a byte after that
 * draws a RST, which destroys nothing any more. A peer that sends all before it reads anything
 * waits for the acknowledgement of what it sent: for ever, where the answer does not fit into its window.
 *
 * False: not attached, for one of the reasons of filter_attach(). No errno; any context.
 */
bool trim_attach(int fd);
bool trim_stay(int fd); /* it may have it already */

/*
 * For a socket that nobody looks after any more. False: some output may have to wait for room at the peer,
 * which may wait for us, and then for ever: it has no such filter, nor one from before.
 */
bool trim_leave(int fd);

/*
 * The same for a peer that takes the output: should it cease to, the kernel gives the connection up
 * after so long (TCP_USER_TIMEOUT).
 */
bool trim_leave_for(int fd, uint32_t ms);

/* Takes that filter off again; another one is left. */
void trim_detach(int fd);

/*
 * A peer that waits until what it sends is taken, and reads nothing before, is not to wait longer: without
 * the filter it is reset, with what its window has taken. Asked every TRIM_LOOK_MS (start_now_ms()): true
 * if it took nothing since the last time, and has no room.
 */
#define TRIM_LOOK_MS 200U

struct trim_watch {
	uint64_t acked;
	uint32_t asked_ms;
	bool on;
	bool off; /* before the end, by trim_look() */
};

void trim_watch(struct trim_watch *w, bool on, uint32_t now);
bool trim_waits(struct trim_watch *w, int fd, uint32_t now);

/* Takes the filter off, of a socket that is closed but for fd: such a peer's, and at the end any. */
void trim_look(struct trim_watch *w, int fd, uint32_t now);
void trim_end(const struct trim_watch *w, int fd);

/* After that data has come, and was answered with RST (facts_reset_since()). */
bool trim_answered(const struct trim_watch *w, int fd, uint32_t data_segs_in);

/* Why an event is told as delivered, or expired, while its output is not acknowledged yet. */
#define TRIM_LEFT  "the kernel goes on to deliver its output"
#define TRIM_TRIES "the kernel goes on to deliver its output, unless the peer sends on"

#endif
