/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_DIFFERENTIAL_COMPARE_H
#define RSTFIX_DIFFERENTIAL_COMPARE_H

#include "trial.h"

/*
 * Is what a library's run came to the same as without it? In audit all of it; in fix what the program
 * saw, and at the peer nothing less, by no more RSTs. False: the first difference is told in why.
 */
bool compare_runs(const struct program *p, const struct results *bare, const struct results *with,
	enum mode mode, char *why, size_t size);

#endif
