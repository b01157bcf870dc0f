/* SPDX-License-Identifier: MIT */
#include "blame.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * An event is told before its close, or, where it was asked whether somebody else holds the socket,
 * just after.
 */
#define SLACK_US 100000

/* The first line with the stack of a stack_id. */
struct stack {
	char id[40];
	json_object *frames, *language; /* language: NULL where the program has none */
};

struct blame {
	char *path;
	FILE *log;
	struct blame_entry *list; /* sorted by addresses, then time */
	size_t count, room;
	struct stack *stacks;
	size_t stack_count, stack_room;
	bool ports[65536]; /* local ones */
};

static void copy_text(json_object *o, const char *key, char *out, size_t size)
{
	json_object *value;

	*out = '\0';
	if (json_object_object_get_ex(o, key, &value) &&
		json_object_is_type(value, json_type_string))
		snprintf(out, size, "%s", json_object_get_string(value));
}

/* RFC 3339 as the shim writes it. */
static int64_t parse_time(json_object *o)
{
	char text[40];
	struct tm tm = {0};
	const char *rest;
	int fraction = 0;

	copy_text(o, "time", text, sizeof(text));
	rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (rest && *rest == '.')
		fraction = (int)strtol(rest + 1, NULL, 10);
	return rest ? (int64_t)timegm(&tm) * 1000000 + fraction : 0;
}

/* Room for one more of `size` bytes in the array, or NULL. */
static void *one_more(void **array, size_t *count, size_t *room, size_t size)
{
	if (*count == *room) {
		size_t more = *room ? 2 * *room : 256;
		void *moved = realloc(*array, more * size);

		if (!moved)
			return NULL;
		*array = moved;
		*room = more;
	}
	return (char *)*array + (*count)++ * size;
}

static const struct stack *stack_of(const struct blame *b, const char *id)
{
	for (size_t i = 0; i < b->stack_count; i++) {
		if (strcmp(b->stacks[i].id, id) == 0)
			return &b->stacks[i];
	}
	return NULL;
}

static void keep_stack(struct blame *b, json_object *o, const char *id)
{
	json_object *frames;
	struct stack *s;

	if (!*id || !json_object_object_get_ex(o, "frames", &frames) || stack_of(b, id))
		return;
	s = one_more((void **)&b->stacks, &b->stack_count, &b->stack_room, sizeof(*s));
	if (!s)
		return;
	snprintf(s->id, sizeof(s->id), "%s", id);
	s->frames = json_object_get(frames);
	s->language = json_object_get(json_object_object_get(o, "language_frames"));
}

static uint16_t port_of(const char *address)
{
	const char *colon = strrchr(address, ':');

	return colon ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
}

static void take(struct blame *b, json_object *o, long offset)
{
	struct blame_entry e = {.offset = offset, .time_us = parse_time(o)};
	struct blame_entry *kept;
	char kind[16];

	copy_text(o, "event", kind, sizeof(kind));
	e.event = strcmp(kind, "rst") == 0;
	if (!e.event && strcmp(kind, "close") != 0)
		return;
	copy_text(o, "local", e.local, sizeof(e.local));
	copy_text(o, "peer", e.peer, sizeof(e.peer));
	copy_text(o, "pattern", e.pattern, sizeof(e.pattern));
	copy_text(o, "op", e.op, sizeof(e.op));
	copy_text(o, "outcome", e.outcome, sizeof(e.outcome));
	copy_text(o, "stack_id", e.stack_id, sizeof(e.stack_id));
	keep_stack(b, o, e.stack_id);
	b->ports[port_of(e.local)] = true;
	kept = one_more((void **)&b->list, &b->count, &b->room, sizeof(e));
	if (kept)
		*kept = e;
}

static int by_addresses(const void *a, const void *b)
{
	const struct blame_entry *x = a, *y = b;
	int order = strcmp(x->local, y->local);

	return order ? order : strcmp(x->peer, y->peer);
}

static int by_addresses_and_time(const void *a, const void *b)
{
	const struct blame_entry *x = a, *y = b;
	int order = by_addresses(a, b);

	return order ? order : (x->time_us > y->time_us) - (x->time_us < y->time_us);
}

struct blame *blame_new(const char *log)
{
	struct blame *b = calloc(1, sizeof(*b));
	char *line = NULL;
	size_t size = 0;
	long offset = 0;
	ssize_t n;

	if (!b)
		return NULL;
	b->path = strdup(log);
	b->log = fopen(log, "re");
	if (!b->path || !b->log) {
		blame_free(b);
		return NULL;
	}
	for (; (n = getline(&line, &size, b->log)) > 0; offset += n) {
		json_object *o = json_tokener_parse(line);

		if (o && json_object_is_type(o, json_type_object))
			take(b, o, offset);
		json_object_put(o);
	}
	free(line);
	if (b->count)
		qsort(b->list, b->count, sizeof(*b->list), by_addresses_and_time);
	return b;
}

void blame_free(struct blame *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->stack_count; i++) {
		json_object_put(b->stacks[i].frames);
		json_object_put(b->stacks[i].language);
	}
	if (b->log)
		fclose(b->log);
	free(b->stacks);
	free(b->list);
	free(b->path);
	free(b);
}

/* The first of those with these addresses, or where it would be. */
static size_t first_of(const struct blame *b, const char *local, const char *peer)
{
	struct blame_entry key;
	size_t low = 0, high = b->count;

	snprintf(key.local, sizeof(key.local), "%s", local);
	snprintf(key.peer, sizeof(key.peer), "%s", peer);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (by_addresses(&b->list[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_of(const struct blame *b, size_t i, const char *local, const char *peer)
{
	return i < b->count && strcmp(b->list[i].local, local) == 0 &&
		strcmp(b->list[i].peer, peer) == 0;
}

static bool any_of(const struct blame *b, const char *local, const char *peer)
{
	return is_of(b, first_of(b, local, peer), local, peer);
}

/* It sends nothing: an error that the program got, a close that was not the last. */
static bool sends(const struct blame_entry *e)
{
	return strcmp(e->outcome, "seen") != 0 && strcmp(e->outcome, "shared") != 0;
}

/* The shutdown was told by a line of its own; the event comes when the program closes. */
static bool told_afterwards(const struct blame_entry *e)
{
	return e->event && strcmp(e->pattern, "shutdown-read") == 0;
}

/* The latest that came before the RST: a port may have been used again. */
static struct blame_entry *sender(struct blame *b, const struct traced_reset *r, int64_t time_us)
{
	struct blame_entry *best = NULL;

	for (size_t i = first_of(b, r->source, r->destination);
		is_of(b, i, r->source, r->destination); i++) {
		struct blame_entry *e = &b->list[i];

		if (!sends(e))
			continue;
		if (e->time_us <= time_us + SLACK_US)
			best = e;
		else if (told_afterwards(e))
			return e;
		else
			break;
	}
	return best;
}

bool blame_knows(const struct blame *b, const char *local)
{
	size_t i = first_of(b, local, "");

	return i < b->count && strcmp(b->list[i].local, local) == 0;
}

/* "0.0.0.0:PORT" and "[::]:PORT", as an end that is bound to no address is told. */
static bool unbound(char out[64], unsigned i, const char *address)
{
	static const char *const any[] = {"0.0.0.0", "[::]"};
	const char *port = strrchr(address, ':');

	if (!port || i >= sizeof(any) / sizeof(any[0]))
		return false;
	snprintf(out, 64, "%s%s", any[i], port);
	return true;
}

/* A connection that was refused has lost its own address, but for the port. */
static bool was_refused(const struct blame *b, const struct traced_reset *r)
{
	char local[64];

	for (unsigned i = 0; unbound(local, i, r->destination); i++) {
		if (any_of(b, local, r->source))
			return true;
	}
	return any_of(b, "", r->source);
}

static struct blame_entry *latest(
	struct blame *b, const char *local, const char *peer, int64_t time_us)
{
	struct blame_entry *best = NULL;

	for (size_t i = first_of(b, local, peer); is_of(b, i, local, peer); i++) {
		if (b->list[i].time_us <= time_us + SLACK_US)
			best = &b->list[i];
	}
	return best;
}

/* Connections that wait at a listener have no lines of their own. */
static struct blame_entry *listener(struct blame *b, const struct traced_reset *r, int64_t time_us)
{
	struct blame_entry *e = latest(b, r->source, "", time_us);
	char local[64];

	for (unsigned i = 0; !e && unbound(local, i, r->source); i++)
		e = latest(b, local, "", time_us);
	return e && strcmp(e->pattern, "listener-close") == 0 ? e : NULL;
}

enum blame_verdict blame_find(
	struct blame *b, const struct traced_reset *r, int64_t time_us, struct blame_entry **entry)
{
	struct blame_entry *e = sender(b, r, time_us);

	if (!e)
		e = listener(b, r, time_us);
	*entry = e;
	if (e && e->event)
		return BLAME_TOLD;
	if (e)
		return *e->pattern ? BLAME_IGNORED : BLAME_LATE;
	if (any_of(b, r->destination, r->source) || was_refused(b, r))
		return BLAME_PEER;
	if (strcmp(r->state, "TCP_LISTEN") == 0 && b->ports[port_of(r->source)])
		return BLAME_ANSWER;
	return BLAME_UNKNOWN;
}

const char *blame_late_pattern(const struct blame_entry *entry)
{
	return strcmp(entry->op, "shutdown") == 0 ? "shutdown-read" : "late-data";
}

static json_object *line_at(struct blame *b, long offset)
{
	json_object *o = NULL;
	char *line = NULL;
	size_t size = 0;

	if (fseek(b->log, offset, SEEK_SET) == 0 && getline(&line, &size, b->log) > 0)
		o = json_tokener_parse(line);
	free(line);
	return o;
}

static void put(json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static void make_event(
	struct blame *b, json_object *o, const struct blame_entry *entry, int64_t time_us)
{
	const struct stack *stack = stack_of(b, entry->stack_id);
	time_t seconds = (time_t)(time_us / 1000000);
	char time[64];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &tm);
	sprintf(time + strlen(time), ".%06dZ", (int)(time_us % 1000000));
	put(o, "time", time);
	put(o, "event", "rst");
	put(o, "pattern", blame_late_pattern(entry));
	put(o, "action", "log");
	put(o, "outcome", "reset");
	json_object_object_add(o, "count", json_object_new_int(1));
	json_object_object_add(o, "seq", NULL);
	json_object_object_add(o, "rule", NULL);
	if (stack)
		json_object_object_add(o, "frames", json_object_get(stack->frames));
	if (stack && stack->language)
		json_object_object_add(o, "language_frames", json_object_get(stack->language));
}

bool blame_tell_late(struct blame *b, struct blame_entry *entry, int64_t time_us)
{
	json_object *o = entry->late_told ? NULL : line_at(b, entry->offset);
	FILE *file;
	bool done;

	if (!o)
		return entry->late_told;
	file = fopen(b->path, "ae");
	make_event(b, o, entry, time_us);
	done = file &&
		fprintf(file, "%s\n",
			json_object_to_json_string_ext(
				o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)) > 0;
	if (file)
		done &= fclose(file) == 0;
	json_object_put(o);
	entry->late_told = done;
	return done;
}
