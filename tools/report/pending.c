/* SPDX-License-Identifier: MIT */
#include "pending.h"

#include <stdlib.h>

static size_t place(const struct pending *p, uint64_t key)
{
	size_t at = key & (p->size - 1);

	while (p->slots[at].key && p->slots[at].key != key)
		at = (at + 1) & (p->size - 1);
	return at;
}

static void grow(struct pending *p)
{
	struct pending old = *p;

	p->size = old.size ? 2 * old.size : 1024;
	p->slots = memory_get(p->size, sizeof(*p->slots));
	for (size_t i = 0; i < old.size; i++) {
		if (old.slots[i].key)
			p->slots[place(p, old.slots[i].key)] = old.slots[i];
	}
	free(old.slots);
}

void pending_begin(struct pending *p, uint64_t key, void *tally, uint32_t part)
{
	size_t at;

	if (2 * p->used >= p->size)
		grow(p);
	at = place(p, key);
	p->used += p->slots[at].key == 0;
	p->slots[at] = (struct pending_close){key, tally, part};
}

/* What stands behind is moved up, so that no search ends at the gap. */
void pending_end(struct pending *p, uint64_t key)
{
	size_t gap, at;

	if (!p->used)
		return;
	gap = place(p, key);
	if (!p->slots[gap].key)
		return;
	p->used--;
	for (at = (gap + 1) & (p->size - 1); p->slots[at].key; at = (at + 1) & (p->size - 1)) {
		size_t home = p->slots[at].key & (p->size - 1);

		if (((at - home) & (p->size - 1)) < ((at - gap) & (p->size - 1)))
			continue;
		p->slots[gap] = p->slots[at];
		gap = at;
	}
	p->slots[gap].key = 0;
}

void pending_free(struct pending *p)
{
	free(p->slots);
}
