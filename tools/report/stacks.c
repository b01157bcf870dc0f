/* SPDX-License-Identifier: MIT */
#include "stacks.h"

#include <stdlib.h>
#include <string.h>

static bool same(const void *list, uint32_t number, const void *key)
{
	return span_is(*(const struct span *)key, ((const struct stacks *)list)->list[number].id);
}

/* The stack of this id to be filled, or NULL where it is told already. */
static struct stack *place(struct stacks *all, struct words *words, struct span id, int64_t time_us)
{
	uint32_t number;
	struct stack *s;

	if (!table_find(&all->table, hash_span(HASH_START, id), same, all, &id,
		    (uint32_t)all->count, &number)) {
		all->list = memory_grow(all->list, all->count, &all->room, sizeof(*all->list));
		all->list[all->count++] = (struct stack){.id = words_keep(words, id)};
	}
	s = &all->list[number];
	if (s->frames && s->time_us <= time_us)
		return NULL;
	free(s->frames);
	s->time_us = time_us;
	return s;
}

void stacks_add(struct stacks *all, struct words *words, const struct line_stack *from,
	const struct line *l)
{
	struct stack_frame *to;
	struct stack *s;

	if (from->count + from->language_count == 0 || from->stack_id.len == 0)
		return;
	s = place(all, words, from->stack_id, l->time_us);
	if (!s)
		return;
	s->host = words_keep(words, l->host);
	s->pid = l->pid;
	s->start = l->start;
	s->count = from->language_count + from->count;
	s->frames = to = memory_get(s->count, sizeof(*s->frames));
	for (unsigned i = 0; i < from->language_count; i++) {
		const struct line_language *f = &from->language[i];

		*to++ = (struct stack_frame){.module = words_keep(words, f->file),
			.build_id = "",
			.symbol = words_keep(words, f->function),
			.language = true,
			.line = (unsigned)f->line};
	}
	for (unsigned i = 0; i < from->count; i++) {
		const struct line_frame *f = &from->frames[i];

		*to++ = (struct stack_frame){.module = words_keep(words, f->module),
			.build_id = words_keep(words, f->build_id),
			.symbol = words_keep(words, f->symbol),
			.offset = f->offset};
	}
}

static void give_back(struct line_stack *to, const struct stack_frame *f)
{
	if (f->language)
		to->language[to->language_count++] =
			(struct line_language){span_of(f->module), span_of(f->symbol), f->line};
	else
		to->frames[to->count++] = (struct line_frame){
			span_of(f->module), span_of(f->build_id), span_of(f->symbol), f->offset};
}

void stacks_merge(struct stacks *into, struct words *words, const struct stacks *from)
{
	struct line_stack as_read;
	struct line l;

	for (size_t i = 0; i < from->count; i++) {
		const struct stack *s = &from->list[i];

		as_read.stack_id = span_of(s->id);
		as_read.count = as_read.language_count = 0;
		for (unsigned k = 0; k < s->count; k++)
			give_back(&as_read, &s->frames[k]);
		l.time_us = s->time_us;
		l.host = span_of(s->host);
		l.pid = s->pid;
		l.start = s->start;
		stacks_add(into, words, &as_read, &l);
	}
}

struct stack *stacks_find(const struct stacks *all, const char *id)
{
	struct span key = span_of(id);
	uint32_t number;

	if (!table_has(&all->table, hash_span(HASH_START, key), same, all, &key, &number))
		return NULL;
	return &all->list[number];
}

void stacks_free(struct stacks *all)
{
	for (size_t i = 0; i < all->count; i++)
		free(all->list[i].frames);
	free(all->list);
	table_free(&all->table);
}
