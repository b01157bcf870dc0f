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

extern const struct door doors[];
extern const size_t doors_count;

const struct door *door_named(const char *name);

#endif
