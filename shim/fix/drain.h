/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_DRAIN_H
#define RSTFIX_DRAIN_H

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

/* Takes linger-0 away, so that a close sends FIN. False: the kernel refused. */
bool drain_disarm(int fd);

void drain_linger(int fd, const struct drain_bounds *bounds, struct drain_result *r);

#endif
