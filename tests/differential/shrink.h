/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_DIFFERENTIAL_SHRINK_H
#define RSTFIX_DIFFERENTIAL_SHRINK_H

#include "compare.h"

struct finding {
	struct program program;
	enum mode mode; /* the one that differs from bare */
	char why[512];
};

/*
 * Runs the program alone, bare twice. True: it differs every time, and the bare runs do not differ from
 * each other; why is filled in.
 */
bool finding_holds(const struct setting *set, struct finding *f);

/* Drops steps as long as a difference stays. */
void finding_shrink(const struct setting *set, struct finding *f);

#endif
