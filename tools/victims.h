/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_VICTIMS_H
#define RSTFIX_VICTIMS_H

#include "act.h"

#include <stddef.h>

/*
 * Small programs that do one thing to one connection: the same few lines run as `rstfix lab`'s
 * victim and in every frame of the scenario tests. Each returns 0, or 1 with stage->failed set.
 */
struct victim {
	const char *name;
	int (*play)(const struct victim_args *args);
};

/* Each table ends with name NULL. */
extern const struct victim victims_reset[]; /* close in a way that resets */
extern const struct victim
	victims_linger[]; /* close with SO_LINGER {1, 0}, or TCP_LINGER2 below 0 */
extern const struct victim victims_disconnect[]; /* connect() to AF_UNSPEC */
extern const struct victim victims_listener[];	 /* end a listener */
extern const struct victim victims_seen[];	 /* get an error from the network */
extern const struct victim victims_clean[];	 /* end so that nothing is reset */
extern const struct victim victims_endings[]; /* ... after reading, writing, waiting in some way */
extern const struct victim victims_handing[]; /* ... made, shut and handed on in some way */
extern const struct victim victims_shared[];  /* close what somebody else holds */
extern const struct victim victims_law[];     /* watch what libc returns */

const struct victim *victim_named(const char *name);

/*
 * Plays a victim to its end, in any frame. Names are those of the tables; `door` may be a call's, and
 * the door is close then. Returns the exit status; 2 if a name is unknown.
 */
int victim_play(const char *name, const char *door, struct stage *stage);

#endif
