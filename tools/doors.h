/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_DOORS_H
#define RSTFIX_DOORS_H

#include <stdbool.h>
#include <stddef.h>

/* The ways in which a program gives up a descriptor; a trial can send its socket through each. */
struct door {
	const char *name;
	const char *op;	      /* as an event names it */
	size_t writes;	      /* bytes that the door itself still writes to the socket */
	bool (*pass)(int fd); /* fd is closed, or stands for something else, afterwards */
};

/* A door by which the program ends: pass() does not return, or leaves the end to main. */
struct end_door {
	struct door door;
	int status;   /* the exit status */
	bool in_libc; /* the innermost frame of an event is libc's */
};

extern const struct door doors[];
extern const size_t doors_count;

extern const struct end_door end_doors[];
extern const size_t end_doors_count;

const struct door *door_named(const char *name);

/* NULL: the program goes on after this door. */
const struct end_door *door_that_ends(const char *name);

#endif
