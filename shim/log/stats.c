/* SPDX-License-Identifier: MIT */
#include "stats.h"

#include "../base/sandbox.h"
#include "../base/start.h"
#include "../base/sys.h"
#include "sink.h"
#include "statsfile.h"
#include "statsmap.h"

#include <string.h>

enum { OFF, DUE, MAKING, OPEN };

static uint32_t state;
static struct stats_header *file;
static uint32_t used, placed; /* bytes given to records, and how many of them there are */

/* In the place of a record: it is just being written; there was no room for it. */
static struct stats_record being_placed, no_room;

const char *stats_start(void)
{
	const char *why;

	if (!self.opt.stats[0])
		return NULL;
	why = sandbox_allows_stats() ? statsmap_start(self.opt.stats)
				     : "a seccomp filter that was there before forbids it";
	if (!why)
		state = DUE;
	return why;
}

void stats_forked(void)
{
	if (state != OFF)
		state = DUE;
}

bool stats_due(void)
{
	return __atomic_load_n(&state, __ATOMIC_RELAXED) == DUE;
}

/* Never lowers: of two threads the later one may have the smaller figure. */
static void raise_to(uint64_t *cell, uint64_t value)
{
	uint64_t was = __atomic_load_n(cell, __ATOMIC_RELAXED);

	while (was < value &&
		!__atomic_compare_exchange_n(
			cell, &was, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static uint64_t now(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

static void mirror(
	struct stats_record *r, const struct callsite *s, unsigned action, unsigned outcome)
{
	raise_to(&r->unread, now(&s->unread));
	raise_to(&r->unsent, now(&s->unsent));
	raise_to(&r->drained, now(&s->drained));
	raise_to(&r->lost, now(&s->lost));
	raise_to(&r->saved, now(&s->saved));
	raise_to(&r->lingered_ms, now(&s->lingered_ms));
	raise_to(&r->counts[action * OUTCOME_COUNT + outcome], now(&s->outcomes[action][outcome]));
}

static void mirror_all(struct stats_record *r, const struct callsite *s)
{
	for (unsigned i = 0; i < ACTION_COUNT * OUTCOME_COUNT; i++)
		if (now(&s->outcomes[i / OUTCOME_COUNT][i % OUTCOME_COUNT]))
			mirror(r, s, i / OUTCOME_COUNT, i % OUTCOME_COUNT);
}

/* Appends a name, and returns its offset; with r NULL only its size counts. */
static uint32_t name(struct stats_record *r, uint32_t *at, const char *text)
{
	uint32_t offset = *at;
	size_t n = strlen(text) + 1;

	if (r)
		memcpy((char *)r + offset, text, n);
	*at += (uint32_t)n;
	return offset;
}

/* A module is named once in a record, by its first frame: this one, or an earlier one. */
static unsigned first_of_module(const struct callsite *s, unsigned i)
{
	unsigned j = 0;

	while (s->frames[j].module != s->frames[i].module)
		j++;
	return j;
}

#define FRAMES_AT \
	((uint32_t)(sizeof(struct stats_record) + ACTION_COUNT * OUTCOME_COUNT * sizeof(uint64_t)))

/* Writes the record of s to r; with r NULL nothing but its size is found out, which is returned. */
static uint32_t write_record(struct stats_record *r, const struct callsite *s)
{
	struct stats_frame *frames = r ? (struct stats_frame *)((char *)r + FRAMES_AT) : NULL, to;
	uint32_t count = s->python.count + s->frame_count;
	uint32_t at = FRAMES_AT + count * (uint32_t)sizeof(to);
	uint32_t pattern = name(r, &at, pattern_names[s->pattern]);
	uint32_t op = name(r, &at, op_names[s->op]);
	uint32_t size;

	for (unsigned i = 0; i < s->python.count; i++) {
		const struct language_frame *f = &s->language[i];

		to = (struct stats_frame){f->line, name(r, &at, callsite_file(f)), name(r, &at, ""),
			name(r, &at, callsite_function(f)), 1};
		if (r)
			frames[i] = to;
	}
	for (unsigned i = 0; i < s->frame_count; i++) {
		const struct frame *f = &s->frames[i];
		unsigned first = first_of_module(s, i);

		to = (struct stats_frame){.offset = f->offset};
		if (first == i) {
			to.module = name(r, &at, callsite_module(f));
			to.build_id = name(r, &at, callsite_build_id(f));
		} else if (r) {
			to.module = frames[s->python.count + first].module;
			to.build_id = frames[s->python.count + first].build_id;
		}
		to.symbol = name(r, &at, callsite_symbol(f));
		if (r)
			frames[s->python.count + i] = to;
	}
	size = (at + 7) & ~7U;
	if (!r)
		return size;
	r->size = size;
	r->pattern = pattern;
	r->op = op;
	r->frames_count = count;
	r->frames = FRAMES_AT;
	r->stack_id = s->id;
	return size;
}

_Static_assert(CALLSITES <= STATS_SITES, "each callsite is placed once");

static struct stats_record *write_site(const struct callsite *s)
{
	uint32_t size = write_record(NULL, s), at, index;
	struct stats_record *r;

	at = __atomic_fetch_add(&used, size, __ATOMIC_RELAXED);
	if (size > STATS_SIZE || at > STATS_SIZE - size || !statsmap_back(file, at + size))
		return &no_room;
	r = (struct stats_record *)((char *)file + at);
	write_record(r, s);
	raise_to(&file->used, at + size);
	index = __atomic_fetch_add(&placed, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&file->sites[index], at, __ATOMIC_RELEASE);
	return r;
}

/*
 * Whoever raises a counter of s looks for the record afterwards; whoever makes the record looks at the
 * counters afterwards, in the same order for all threads. So one of the two counts it there.
 */
static void place(struct callsite *s)
{
	struct stats_record *r = NULL;

	if (!__atomic_compare_exchange_n(
		    &s->record, &r, &being_placed, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	r = write_site(s);
	__atomic_store_n(&s->record, r, __ATOMIC_SEQ_CST);
	if (r == &no_room)
		__atomic_add_fetch(&file->unplaced, now(&s->count), __ATOMIC_RELAXED);
	else
		mirror_all(r, s);
}

const char *stats_open(const struct origin *o)
{
	uint32_t was = DUE;
	const char *why;
	bool again;

	if (!__atomic_compare_exchange_n(
		    &state, &was, MAKING, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return NULL;
	why = statsmap_make(&file, o, &again);
	if (why) {
		__atomic_store_n(&state, again ? DUE : OFF, __ATOMIC_RELEASE);
		return again ? NULL : why;
	}
	placed = 0;
	used = (uint32_t)file->used;
	__atomic_store_n(&state, OPEN, __ATOMIC_SEQ_CST);
	stats_lost(sink_lost());
	for (unsigned i = 0; i < callsite_count(); i++) {
		struct callsite *s = callsite_nth(i);

		if (s && now(&s->count))
			place(s);
	}
	return NULL;
}

void stats_count(struct callsite *s, enum action action, enum outcome outcome)
{
	struct stats_record *r;

	if (__atomic_load_n(&state, __ATOMIC_SEQ_CST) != OPEN)
		return;
	r = __atomic_load_n(&s->record, __ATOMIC_SEQ_CST);
	if (!r)
		place(s);
	else if (r == &no_room)
		__atomic_add_fetch(&file->unplaced, 1, __ATOMIC_RELAXED);
	else if (r != &being_placed)
		mirror(r, s, action, outcome);
}

void stats_lost(uint64_t lines)
{
	if (lines && __atomic_load_n(&state, __ATOMIC_ACQUIRE) == OPEN)
		raise_to(&file->lost_lines, lines);
}
