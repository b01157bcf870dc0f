/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_PENDING_H
#define RSTFIX_REPORT_PENDING_H

#include "memory.h"

/*
 * Closes told as lingering whose end has not been read yet. Fed in the order of the log, by one thread
 * at a time; holds only what lingers at that moment of the log.
 */
struct pending {
	struct pending_close {
		uint64_t key;  /* of the socket; 0: empty */
		void *tally;   /* where it was counted */
		uint32_t part; /* and there */
	} * slots;
	size_t used, size;
};

void pending_begin(struct pending *p, uint64_t key, void *tally, uint32_t part);
void pending_end(struct pending *p, uint64_t key);
void pending_free(struct pending *p);

#endif
