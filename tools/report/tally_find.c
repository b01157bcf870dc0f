/* SPDX-License-Identifier: MIT */
#include "tally_find.h"

static bool same_site(const void *list, uint32_t number, const void *key)
{
	const struct site *s = &((const struct tally *)list)->sites[number];
	const struct site_key *k = key;

	return span_is(k->stack_id, s->stack_id) && span_is(k->program, s->program) &&
		span_is(k->pattern, s->pattern) && span_is(k->op, s->op);
}

uint32_t tally_site(struct tally *t, const struct site_key *k)
{
	uint64_t hash = hash_span(
		hash_span(hash_span(hash_span(HASH_START, k->stack_id), k->program), k->pattern),
		k->op);
	uint32_t number;

	if (table_find(&t->site_table, hash, same_site, t, k, (uint32_t)t->site_count, &number))
		return number;
	t->sites = memory_grow(t->sites, t->site_count, &t->site_room, sizeof(*t->sites));
	t->sites[t->site_count++] = (struct site){
		.pattern = words_keep(&t->words, k->pattern),
		.op = words_keep(&t->words, k->op),
		.program = words_keep(&t->words, k->program),
		.stack_id = words_keep(&t->words, k->stack_id),
		.armed_op = "",
		.armed_id = "",
		.first_us = LINE_UNKNOWN,
		.last_us = LINE_UNKNOWN,
	};
	return number;
}

struct part_key {
	uint64_t process;
	uint32_t site;
};

static bool same_part(const void *list, uint32_t number, const void *key)
{
	const struct part *p = &((const struct tally *)list)->parts[number];
	const struct part_key *k = key;

	return p->site == k->site && p->process == k->process;
}

struct part *tally_part(struct tally *t, uint64_t process, uint32_t site)
{
	struct part_key k = {process, site};
	uint64_t hash = hash_number(process, site);
	uint32_t number;

	if (!table_find(&t->part_table, hash, same_part, t, &k, (uint32_t)t->part_count, &number)) {
		t->parts = memory_grow(t->parts, t->part_count, &t->part_room, sizeof(*t->parts));
		t->parts[t->part_count++] =
			(struct part){.site = site, .process = process, .summed_us = LINE_UNKNOWN};
	}
	return &t->parts[number];
}

static bool same_process(const void *list, uint32_t number, const void *key)
{
	return ((const struct tally *)list)->processes[number].hash == *(const uint64_t *)key;
}

struct process *tally_process(struct tally *t, uint64_t hash)
{
	uint32_t number;

	if (!table_find(&t->process_table, hash, same_process, t, &hash, (uint32_t)t->process_count,
		    &number)) {
		t->processes = memory_grow(
			t->processes, t->process_count, &t->process_room, sizeof(*t->processes));
		t->processes[t->process_count++] =
			(struct process){.hash = hash, .lost_us = LINE_UNKNOWN};
	}
	return &t->processes[number];
}
