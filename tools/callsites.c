/* SPDX-License-Identifier: MIT */
#include "callsites.h"

#include "base/format.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct callsites {
	struct callsite_seen *list;
	size_t count, room;
	uint64_t lost;
	uint64_t sandboxed;
};

struct callsites *callsites_new(void)
{
	return calloc(1, sizeof(struct callsites));
}

void callsites_free(struct callsites *c)
{
	for (size_t i = 0; c && i < c->count; i++) {
		for (unsigned k = 0; k < c->list[i].frames; k++)
			free(c->list[i].frame[k]);
	}
	if (c)
		free(c->list);
	free(c);
}

size_t callsites_count(const struct callsites *c)
{
	return c->count;
}

const struct callsite_seen *callsites_at(const struct callsites *c, size_t i)
{
	return &c->list[i];
}

uint64_t callsites_lost(const struct callsites *c)
{
	return c->lost;
}

uint64_t callsites_sandboxed(const struct callsites *c)
{
	return c->sandboxed;
}

bool callsites_known(const struct callsites *c, const char *stack_id)
{
	for (size_t i = 0; *stack_id && i < c->count; i++) {
		if (strcmp(c->list[i].stack_id, stack_id) == 0)
			return true;
	}
	return false;
}

static const char *text_of(json_object *o, const char *key)
{
	json_object *value;

	if (!json_object_object_get_ex(o, key, &value) ||
		!json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

static uint64_t number_of(json_object *o, const char *key)
{
	json_object *value;

	if (!json_object_object_get_ex(o, key, &value) ||
		!json_object_is_type(value, json_type_int))
		return 0;
	return (uint64_t)json_object_get_int64(value);
}

static json_object *array_of(json_object *o, const char *key)
{
	json_object *value;

	if (!json_object_object_get_ex(o, key, &value) ||
		!json_object_is_type(value, json_type_array))
		return NULL;
	return value;
}

/* The entry of this pattern and line of code; made if it is new. NULL: no memory. */
static struct callsite_seen *entry(struct callsites *c, json_object *o, const char *program)
{
	const char *pattern = text_of(o, "pattern"), *id = text_of(o, "stack_id");
	struct callsite_seen *e;

	for (size_t i = 0; i < c->count; i++) {
		e = &c->list[i];
		if (strcmp(e->stack_id, id) == 0 && strcmp(e->pattern, pattern) == 0)
			return e;
	}
	if (c->count == c->room) {
		size_t room = c->room ? 2 * c->room : 64;

		e = realloc(c->list, room * sizeof(*c->list));
		if (!e)
			return NULL;
		c->list = e;
		c->room = room;
	}
	e = &c->list[c->count++];
	*e = (struct callsite_seen){.count = 0};
	snprintf(e->pattern, sizeof(e->pattern), "%s", pattern);
	snprintf(e->op, sizeof(e->op), "%s", text_of(o, "op"));
	snprintf(e->program, sizeof(e->program), "%s", program);
	snprintf(e->stack_id, sizeof(e->stack_id), "%s", id);
	return e;
}

/* What comes out of a log goes to a terminal: control characters do not. */
static void make_printable(char *text)
{
	unsigned n;

	for (; *text; text += n) {
		n = text_printable(text);
		if (n == 0) {
			*text = '?';
			n = 1;
		}
	}
}

static void keep_language(struct callsite_seen *e, json_object *frames)
{
	size_t n = frames ? json_object_array_length(frames) : 0;

	for (size_t i = 0; i < n && e->frames < CALLSITE_FRAMES; i++) {
		json_object *f = json_object_array_get_idx(frames, i);

		if (asprintf(&e->frame[e->frames], "%s at %s:%llu", text_of(f, "function"),
			    text_of(f, "file"), (unsigned long long)number_of(f, "line")) < 0)
			return;
		make_printable(e->frame[e->frames++]);
	}
}

static void keep_frames(struct callsite_seen *e, json_object *o)
{
	json_object *frames = array_of(o, "frames");
	size_t n = frames ? json_object_array_length(frames) : 0;

	if (e->frames)
		return;
	keep_language(e, array_of(o, "language_frames"));
	for (size_t i = 0; i < n && e->frames < CALLSITE_FRAMES; i++) {
		json_object *f = json_object_array_get_idx(frames, i);
		const char *symbol = text_of(f, "symbol"), *module = text_of(f, "module");

		if (asprintf(&e->frame[e->frames], "%s (%s+%s)", *symbol ? symbol : "??",
			    *module ? module : "code made at run time", text_of(f, "offset")) < 0)
			return;
		make_printable(e->frame[e->frames++]);
	}
}

static void take_event(struct callsites *c, json_object *o)
{
	struct callsite_seen *e = entry(c, o, text_of(o, "program"));

	if (!e)
		return;
	e->count += number_of(o, "count");
	if (strcmp(text_of(o, "outcome"), "reset") == 0 ||
		strcmp(text_of(o, "outcome"), "failed") == 0)
		e->resets += strcmp(e->pattern, "listener-close") == 0 ? number_of(o, "waiting")
								       : number_of(o, "count");
	keep_frames(e, o);
}

/* A summary also counts what the rate has held back, and what could not be written. */
static void take_summary(struct callsites *c, json_object *o)
{
	json_object *sites = array_of(o, "callsites");
	size_t n = sites ? json_object_array_length(sites) : 0;

	c->lost += number_of(o, "lost");
	for (size_t i = 0; i < n; i++) {
		json_object *site = json_object_array_get_idx(sites, i);
		struct callsite_seen *e = entry(c, site, text_of(o, "program"));

		if (!e)
			continue;
		e->summed += number_of(site, "count");
		if (e->summed > e->count)
			e->count = e->summed;
	}
}

static void take_line(struct callsites *c, const char *line)
{
	json_object *o = json_tokener_parse(line);

	if (!o || !json_object_is_type(o, json_type_object))
		c->lost++;
	else if (strcmp(text_of(o, "event"), "rst") == 0)
		take_event(c, o);
	else if (strcmp(text_of(o, "event"), "summary") == 0)
		take_summary(c, o);
	else if (strcmp(text_of(o, "event"), "notice") == 0)
		c->sandboxed += strcmp(text_of(o, "code"), "sandbox") == 0;
	json_object_put(o);
}

bool callsites_read(struct callsites *c, const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	bool good;

	if (!file)
		return false;
	while (getline(&line, &size, file) > 0)
		take_line(c, line);
	good = !ferror(file);
	free(line);
	fclose(file);
	return good;
}

void callsites_print_frames(const struct callsite_seen *c, FILE *out)
{
	for (unsigned i = 0; i < c->frames; i++)
		fprintf(out, "    #%u %s\n", i, c->frame[i]);
}
