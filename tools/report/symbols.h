/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_SYMBOLS_H
#define RSTFIX_REPORT_SYMBOLS_H

#include "memory.h"
#include "perf_map.h"
#include "stacks.h"

/*
 * From module, build id and offset to function, file and line, by libdw. Debug data is looked for in the
 * module, by its debuglink, in the folders of build ids, and in what debuginfod's client has fetched
 * earlier; nothing is fetched. A file with another build id is never used.
 */

/* One function at the address: the innermost first, then what it is inlined into. */
struct source {
	const char *function; /* demangled; "" where not known */
	const char *file;     /* "" where not known */
	unsigned line, column;
	const struct source *outer;
	struct source *made_before; /* of all: to be freed */
};

/* A module of which not all could be found out. */
struct unresolved {
	const char *module, *build_id; /* words */
	char *why;
	uint64_t frames; /* of all stacks */
};

struct symbols {
	struct unresolved *unresolved;
	size_t unresolved_count, unresolved_room;
	struct source *made; /* the last one */
	struct words words;
};

/* Where to look. */
struct symbols_from {
	const char *sysroot; /* where the modules' paths begin; "" */
	struct perf_maps maps;
};

/* Sets the source of every frame that can be found out, and the symbol of code made at run time. */
void symbols_resolve(struct symbols *s, struct stacks *stacks, const struct symbols_from *from);

void symbols_free(struct symbols *s);

#endif
