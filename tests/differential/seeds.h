/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_DIFFERENTIAL_SEEDS_H
#define RSTFIX_DIFFERENTIAL_SEEDS_H

#include "trial.h"

struct job {
	struct setting set;
	uint64_t first, count; /* seeds */
	int number, jobs;
};

/* Keeps the calling thread on the processor of that number, of those that it may use. */
void seeds_stay_on(int number);

/* The programs of these seeds, in `jobs` processes: the exit status. Prints TAP. */
int seeds_run(struct job *j);

#endif
