/* SPDX-License-Identifier: MIT */
#include "baseline.h"

#include "read.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct baseline {
	struct known *list;
	size_t count, room;
	struct table table;
};

struct known_key {
	const char *pattern, *op, *stack_id;
};

static bool same(const void *list, uint32_t number, const void *key)
{
	const struct known *known = &((const struct baseline *)list)->list[number];
	const struct known_key *k = key;

	return strcmp(known->stack_id, k->stack_id) == 0 &&
		strcmp(known->pattern, k->pattern) == 0 && strcmp(known->op, k->op) == 0;
}

static uint64_t hash_of(const struct known_key *k)
{
	return hash_span(hash_span(hash_span(HASH_START, span_of(k->stack_id)), span_of(k->op)),
		span_of(k->pattern));
}

/* Two programs that share a line of code are one here. */
static void add(struct baseline *b, const struct known_key *k, uint64_t count, uint64_t destroyed)
{
	uint32_t number;

	if (!*k->stack_id)
		return;
	if (!table_find(&b->table, hash_of(k), same, b, k, (uint32_t)b->count, &number)) {
		b->list = memory_grow(b->list, b->count, &b->room, sizeof(*b->list));
		b->list[b->count++] = (struct known){.pattern = memory_text(span_of(k->pattern)),
			.op = memory_text(span_of(k->op)),
			.stack_id = memory_text(span_of(k->stack_id))};
	}
	b->list[number].count += count;
	b->list[number].destroyed += destroyed;
}

static const char *text_of(json_object *o, const char *key)
{
	json_object *value = NULL;

	return json_object_object_get_ex(o, key, &value) &&
			json_object_is_type(value, json_type_string)
		? json_object_get_string(value)
		: "";
}

static uint64_t number_of(json_object *o, const char *key)
{
	json_object *value = NULL;

	return json_object_object_get_ex(o, key, &value) ? json_object_get_uint64(value) : 0;
}

/* False: the document is no report. */
static bool take_report(struct baseline *b, json_object *o)
{
	json_object *sites;

	if (!json_object_object_get_ex(o, "callsites", &sites) ||
		!json_object_is_type(sites, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(sites); i++) {
		json_object *site = json_object_array_get_idx(sites, i);
		struct known_key k = {
			text_of(site, "pattern"), text_of(site, "op"), text_of(site, "stack_id")};

		add(b, &k, number_of(site, "count"), number_of(site, "destroyed"));
	}
	return true;
}

static bool is_report(json_object *o)
{
	return o && json_object_is_type(o, json_type_object) &&
		json_object_object_get_ex(o, "report", NULL);
}

static bool read_report(struct baseline *b, const char *path)
{
	json_object *o = json_object_from_file(path);
	bool taken = is_report(o) && take_report(b, o);

	json_object_put(o);
	return taken;
}

/* Its first member, see report_document(). */
static bool starts_report(const char *path)
{
	char start[16] = "";
	FILE *file = fopen(path, "re");
	size_t n = file ? fread(start, 1, sizeof(start) - 1, file) : 0;

	if (file)
		fclose(file);
	return n > 0 && strstr(start, "\"report\"") != NULL;
}

static bool read_log(struct baseline *b, const char *path)
{
	struct input in = {.files = NULL};
	struct tally *t;
	bool any;

	if (!input_add(&in, path))
		return false;
	input_sort(&in);
	t = read_tally(&in);
	for (size_t i = 0; i < t->site_count; i++) {
		const struct site *s = &t->sites[i];
		struct known_key k = {s->pattern, s->op, s->stack_id};

		add(b, &k, s->sum.count, s->sum.destroyed);
	}
	any = t->lines == 0 || t->bad < t->lines; /* an empty log knows nothing, and is one */
	tally_free(t);
	input_free(&in);
	errno = 0;
	return any;
}

struct baseline *baseline_read(const char *path)
{
	struct baseline *b = memory_get(1, sizeof(*b));

	errno = 0;
	if (starts_report(path) ? read_report(b, path) : read_log(b, path))
		return b;
	baseline_free(b);
	return NULL;
}

struct known *baseline_find(
	const struct baseline *b, const char *pattern, const char *op, const char *stack_id)
{
	struct known_key k = {pattern, op, stack_id};
	uint32_t number;

	if (!*stack_id || !table_has(&b->table, hash_of(&k), same, b, &k, &number))
		return NULL;
	return &b->list[number];
}

size_t baseline_compare(struct baseline *b, const struct tally *now)
{
	size_t fresh = 0;

	for (size_t i = 0; i < now->site_count; i++) {
		const struct site *s = &now->sites[i];
		struct known *known = baseline_find(b, s->pattern, s->op, s->stack_id);

		fresh += known == NULL;
		if (!known)
			continue;
		known->now_count += s->sum.count;
		known->now_destroyed += s->sum.destroyed;
	}
	return fresh;
}

size_t baseline_count(const struct baseline *b)
{
	return b->count;
}

const struct known *baseline_at(const struct baseline *b, size_t i)
{
	return &b->list[i];
}

void baseline_free(struct baseline *b)
{
	for (size_t i = 0; i < b->count; i++) {
		free(b->list[i].pattern);
		free(b->list[i].op);
		free(b->list[i].stack_id);
	}
	free(b->list);
	table_free(&b->table);
	free(b);
}
