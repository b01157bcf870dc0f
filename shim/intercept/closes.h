/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_CLOSES_H
#define RSTFIX_CLOSES_H

#include "../log/event.h"

/*
 * RSTFIX_CLOSES: a line for each close, or shutdown of both sides, before the peer's FIN that is no
 * event: nothing is reset by it yet. `rstfix run --kernel` blames a late RST on it. errno is not
 * touched. pattern: PATTERN_NONE, or what a rule ignores.
 */
void closes_tell(enum pattern pattern, enum op op, int fd, const struct facts *f,
	const struct fdrec *rec, const void *caller);

#endif
