/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_SEEN_H
#define RSTFIX_SEEN_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The sockets that a walk over the descriptors has come by: which ones are the same is known without
 * comparing each with each. In pages of its own, by raw system call; any context.
 */
struct seen {
	uint64_t *cookies; /* open addressing; 0: free */
	uint32_t size;	   /* a power of two */
	uint32_t left;	   /* that may still be added */
};

/* For at most `count`. False: no memory. */
bool seen_begin(struct seen *s, uint32_t count);
void seen_end(struct seen *s);

/* The socket of this SO_COOKIE has been seen before; now it has. 0 is none, and never seen. */
bool seen_before(struct seen *s, uint64_t cookie);

#endif
