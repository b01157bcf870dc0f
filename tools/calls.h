/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_CALLS_H
#define RSTFIX_CALLS_H

#include <stdbool.h>
#include <stddef.h>

/* The calls by which a program is told that its connection is broken. */
struct call {
	const char *name;
	const char *op;	       /* as an event names it */
	bool (*fails)(int fd); /* makes it; true: it failed, and errno says why */
};

extern const struct call calls[];
extern const size_t calls_count;

/* NULL: there is no such call. */
const struct call *call_named(const char *name);

#endif
