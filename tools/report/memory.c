/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include "say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_end(void *got)
{
	if (got)
		return got;
	say("report", "no memory left: report fewer files at once");
	exit(EXIT_REFUSED);
}

void *memory_get(size_t count, size_t size)
{
	return or_end(calloc(count ? count : 1, size));
}

void *memory_more(void *was, size_t count, size_t size)
{
	return or_end(reallocarray(was, count ? count : 1, size));
}

char *memory_text(struct span s)
{
	char *text = memory_get(s.len + 1, 1);

	memcpy(text, s.at, s.len);
	return text;
}

char *memory_print(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return or_end(text);
}

void *memory_grow(void *list, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return list;
	*room = *room ? 2 * *room : 16;
	return memory_more(list, *room, size);
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t hash_number(uint64_t hash, uint64_t number)
{
	return mix(hash ^ number, UINT64_C(0xd6e8feb86659fd93)) + UINT64_C(0x9e3779b97f4a7c15);
}

uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
	const char *p = data;
	uint64_t part;

	for (; len >= sizeof(part); p += sizeof(part), len -= sizeof(part)) {
		memcpy(&part, p, sizeof(part));
		hash = hash_number(hash, part);
	}
	part = 0;
	memcpy(&part, p, len);
	return hash_number(hash, part);
}

uint64_t hash_span(uint64_t hash, struct span s)
{
	return hash_bytes(hash_number(hash, s.len), s.at, s.len);
}

static void table_double(struct table *t)
{
	size_t size = t->size ? 2 * t->size : 64;
	struct table_slot *slots = memory_get(size, sizeof(*slots));

	for (size_t i = 0; i < t->size; i++) {
		size_t at = t->slots[i].hash & (size - 1);

		if (!t->slots[i].number)
			continue;
		while (slots[at].number)
			at = (at + 1) & (size - 1);
		slots[at] = t->slots[i];
	}
	free(t->slots);
	t->slots = slots;
	t->size = size;
}

/* The slot that has it, or the empty one in which it would be. */
static struct table_slot *slot_of(
	const struct table *t, uint64_t hash, table_same *same, const void *list, const void *key)
{
	size_t at = hash & (t->size - 1);

	while (t->slots[at].number &&
		(t->slots[at].hash != hash || !same(list, t->slots[at].number - 1, key)))
		at = (at + 1) & (t->size - 1);
	return &t->slots[at];
}

bool table_find(struct table *t, uint64_t hash, table_same *same, const void *list, const void *key,
	uint32_t fresh, uint32_t *number)
{
	struct table_slot *slot;

	if (2 * t->used >= t->size)
		table_double(t);
	slot = slot_of(t, hash, same, list, key);
	*number = slot->number ? slot->number - 1 : fresh;
	if (slot->number)
		return true;
	*slot = (struct table_slot){hash, fresh + 1};
	t->used++;
	return false;
}

bool table_has(const struct table *t, uint64_t hash, table_same *same, const void *list,
	const void *key, uint32_t *number)
{
	struct table_slot *slot;

	if (!t->size)
		return false;
	slot = slot_of(t, hash, same, list, key);
	*number = slot->number - 1;
	return slot->number != 0;
}

void table_free(struct table *t)
{
	free(t->slots);
	*t = (struct table){NULL, 0, 0};
}

static bool same_word(const void *list, uint32_t number, const void *key)
{
	return span_is(*(const struct span *)key, ((const struct words *)list)->list[number]);
}

const char *words_keep(struct words *w, struct span s)
{
	uint32_t number;
	char *copy;

	if (!table_find(&w->table, hash_span(HASH_START, s), same_word, w, &s, (uint32_t)w->count,
		    &number)) {
		w->list = memory_grow(w->list, w->count, &w->room, sizeof(*w->list));
		copy = memory_text(s);
		w->list[w->count++] = copy;
	}
	return w->list[number];
}

void words_free(struct words *w)
{
	for (size_t i = 0; i < w->count; i++)
		free((char *)w->list[i]);
	free(w->list);
	table_free(&w->table);
	*w = (struct words){.list = NULL};
}
