/* SPDX-License-Identifier: MIT */
#include "timeline.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>

static uint64_t *slot(const struct timeline *t, int64_t part)
{
	return &t->counts[(uint64_t)part % TIMELINE_PARTS];
}

static void double_width(struct timeline *t)
{
	uint64_t was[TIMELINE_PARTS];
	int64_t first = t->first >> t->shift, last = t->last >> t->shift;

	memcpy(was, t->counts, sizeof(was));
	memset(t->counts, 0, sizeof(was));
	t->shift++;
	for (int64_t part = first; part <= last; part++)
		*slot(t, part >> 1) += was[(uint64_t)part % TIMELINE_PARTS];
}

static bool fits(const struct timeline *t, int64_t first, int64_t last)
{
	return (last >> t->shift) - (first >> t->shift) < TIMELINE_PARTS;
}

/* All parts are emptied or filled within first to last only, so these may grow afterwards. */
static void cover(struct timeline *t, int64_t first, int64_t last)
{
	if (!t->counts) {
		t->counts = memory_get(TIMELINE_PARTS, sizeof(*t->counts));
		t->first = t->last = first;
	}
	first = first < t->first ? first : t->first;
	last = last > t->last ? last : t->last;
	while (!fits(t, first, last))
		double_width(t);
	t->first = first;
	t->last = last;
}

void timeline_widen(struct timeline *t, unsigned shift)
{
	while (t->counts && t->shift < shift)
		double_width(t);
}

void timeline_add(struct timeline *t, int64_t second, uint64_t events)
{
	cover(t, second, second);
	*slot(t, second >> t->shift) += events;
}

uint64_t timeline_at(const struct timeline *t, int64_t part)
{
	if (!t->counts || part < t->first >> t->shift || part > t->last >> t->shift)
		return 0;
	return *slot(t, part);
}

void timeline_merge(struct timeline *into, const struct timeline *from)
{
	if (!from->counts)
		return;
	cover(into, from->first, from->last);
	timeline_widen(into, from->shift);
	for (int64_t part = from->first >> from->shift; part <= from->last >> from->shift; part++)
		*slot(into, part >> (into->shift - from->shift)) += *slot(from, part);
}

void timeline_free(struct timeline *t)
{
	free(t->counts);
}
