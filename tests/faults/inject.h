/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_INJECT_H
#define RSTFIX_INJECT_H

#include <stdint.h>

/*
 * What a run and its driver (faults.py) share, in the file that FAULTS_PLAN names. A point is a place
 * in the library that makes a system call: the offset of the return address. The driver finds out
 * which there are by a run without a fault.
 */
#define PLAN_POINTS 1024

struct point {
	uint32_t offset, number, calls; /* number: of the system call; SYS_uselib: dlopen */
};

struct plan {
	uint32_t point; /* where to fail; 0: nowhere */
	int32_t error;
	uint32_t most; /* how many times */
	uint32_t hits; /* how many times it has failed */
	struct point points[PLAN_POINTS];
};

#endif
