/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_DRAIN_H
#define RSTFIX_DRAIN_H

#include "../base/signals.h"
#include "../detect/facts.h"
#include "../log/callsite.h"
#include "../policy/options.h"

#include <stdint.h>

/*
 * Lingering close: half-close, throw away what still comes, until the peer's FIN or a limit. Only
 * for the last reference of a socket (owner.h); the caller closes it afterwards. Waits in ppoll, is
 * no cancellation point, allocates nothing. By raw system call: any context but a vfork child.
 */
struct drain_result {
	enum outcome outcome;
	const char *why; /* of OUTCOME_FAILED */
	uint64_t drained;
	uint32_t duration_ms;
};

/* How long the socket of this record may linger under `limits`. */
struct drain_bounds {
	uint32_t idle_ms;
	uint32_t total_ms;
	uint64_t bytes;
};

struct drain_bounds drain_bounds(const struct linger_limits *limits, const struct fdrec *rec);

/*
 * Takes linger-0 away, so that a close sends FIN; or a negative TCP_LINGER2, so that the orphan waits
 * for the peer's FIN. False: the kernel refused.
 */
bool drain_disarm(int fd);
bool drain_disarm_linger2(int fd);

/*
 * The steps of it, which the reaper (reaper.h) takes in its own time. drain_half_close() sends FIN
 * after all output; false: not connected any more. drain_expect_any() makes what comes readable
 * whatever the low-water mark. drain_discard() throws away up to `most` bytes: how many, 0 at the end, or -errno.
 */
bool drain_half_close(int fd);
void drain_expect_any(int fd);
bool drain_has_room(int fd); /* a write would not block */
long drain_discard(int fd, uint64_t most);
bool drain_was_reset(long error);
bool drain_peer_fin(int fd);

/*
 * Blocks as close() does with SO_LINGER {1, sec > 0}: until the output is acknowledged; a signal ends it,
 * also one that is held back for as long.
 */
void drain_wait_acknowledged(int fd, int sec, const struct signals *signals);

/* Drains what is half-closed already, and waits, in the calling thread, within the bounds. */
void drain_linger(int fd, const struct drain_bounds *bounds, struct drain_result *r);

#endif
