/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_MEMORY_H
#define RSTFIX_REPORT_MEMORY_H

#include "policy/parse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the report keeps. A report that has no memory left says so and ends (exit status 2). */

void *memory_get(size_t count, size_t size);		 /* zeroed */
void *memory_more(void *was, size_t count, size_t size); /* as reallocarray() */
char *memory_text(struct span s);			 /* a copy, NUL-terminated */
char *memory_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes room for one element more in a list of `count`, of which `*room` fit. */
void *memory_grow(void *list, size_t count, size_t *room, size_t size);

#define HASH_START UINT64_C(0x9e3779b97f4a7c15)

uint64_t hash_bytes(uint64_t hash, const void *data, size_t len);
uint64_t hash_span(uint64_t hash, struct span s); /* and its length: "a","bc" is not "ab","c" */
uint64_t hash_number(uint64_t hash, uint64_t number);

/* Numbers of things, found by their hash; what the things are only the caller knows. */
struct table {
	struct table_slot {
		uint64_t hash;
		uint32_t number; /* + 1; 0: empty */
	} * slots;
	size_t used, size; /* size: 0 or a power of two */
};

/* Is thing `number` the one that is looked for? */
typedef bool table_same(const void *list, uint32_t number, const void *key);

/* True: *number is the thing's. False: it is new, and from now on called `fresh`. */
bool table_find(struct table *t, uint64_t hash, table_same *same, const void *list, const void *key,
	uint32_t fresh, uint32_t *number);

/* As above, and nothing is made. */
bool table_has(const struct table *t, uint64_t hash, table_same *same, const void *list,
	const void *key, uint32_t *number);

void table_free(struct table *t);

/* Words that occur again and again, each kept once; their addresses are compared instead of them. */
struct words {
	const char **list;
	size_t count, room;
	struct table table;
};

const char *words_keep(struct words *w, struct span s);
void words_free(struct words *w);

#endif
