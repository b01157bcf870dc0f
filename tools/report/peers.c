/* SPDX-License-Identifier: MIT */
#include "peers.h"

#include <stdlib.h>
#include <string.h>

/* Where an address with this hash stands, or would stand. */
static size_t place(const struct peers *p, uint64_t hash)
{
	size_t low = 0, high = p->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (p->list[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void add(struct peers *p, const struct peer *one)
{
	size_t at = place(p, one->hash);

	if (at < p->count && p->list[at].hash == one->hash) {
		p->list[at].events += one->events;
		return;
	}
	p->more |= p->count == PEERS_KEPT;
	if (at == PEERS_KEPT)
		return;
	if (p->count < PEERS_KEPT) {
		p->list = memory_grow(p->list, p->count, &p->room, sizeof(*p->list));
		p->count++;
	}
	memmove(&p->list[at + 1], &p->list[at], (p->count - 1 - at) * sizeof(*p->list));
	p->list[at] = *one;
}

static struct span without_port(struct span s)
{
	const char *colon = s.len ? memrchr(s.at, ':', s.len) : NULL;

	if (colon)
		s.len = (size_t)(colon - s.at);
	if (s.len > 1 && s.at[0] == '[')
		s = (struct span){s.at + 1, s.len - 2};
	return s;
}

void peers_add(struct peers *p, struct span endpoint, uint64_t events)
{
	struct span s = without_port(endpoint);
	struct peer one = {.hash = hash_span(HASH_START, s), .events = events};

	if (s.len == 0 || s.len >= sizeof(one.address))
		return;
	memcpy(one.address, s.at, s.len);
	add(p, &one);
}

void peers_merge(struct peers *into, const struct peers *from)
{
	for (size_t i = 0; i < from->count; i++)
		add(into, &from->list[i]);
	into->more |= from->more;
}

uint64_t peers_number(const struct peers *p)
{
	uint64_t largest = 0;

	if (!p->more)
		return p->count;
	for (size_t i = 0; i < p->count; i++)
		largest = p->list[i].hash > largest ? p->list[i].hash : largest;
	return (uint64_t)((PEERS_KEPT - 1) / ((double)largest / 0x1p64));
}

static int by_events(const void *a, const void *b)
{
	const struct peer *p = a, *q = b;

	if (p->events != q->events)
		return p->events > q->events ? -1 : 1;
	return strcmp(p->address, q->address);
}

void peers_sort(struct peers *p)
{
	if (p->count)
		qsort(p->list, p->count, sizeof(*p->list), by_events);
}
