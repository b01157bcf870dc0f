/* SPDX-License-Identifier: MIT */
#include "events.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void get_text(json_object *o, const char *key, char *out, size_t size)
{
	json_object *value;

	*out = '\0';
	if (json_object_object_get_ex(o, key, &value) &&
		json_object_is_type(value, json_type_string))
		snprintf(out, size, "%s", json_object_get_string(value));
}

static int64_t get_number(json_object *o, const char *key)
{
	json_object *value;

	if (!json_object_object_get_ex(o, key, &value) ||
		!json_object_is_type(value, json_type_int))
		return -1;
	return json_object_get_int64(value);
}

static json_object *get_array(json_object *o, const char *key)
{
	json_object *value;

	if (!json_object_object_get_ex(o, key, &value) ||
		!json_object_is_type(value, json_type_array))
		return NULL;
	return value;
}

static void read_frames(struct event *e, json_object *o)
{
	json_object *frames = get_array(o, "frames"), *inner;

	e->frames = frames ? json_object_array_length(frames) : 0;
	if (e->frames == 0)
		return;
	inner = json_object_array_get_idx(frames, 0);
	if (!json_object_is_type(inner, json_type_object))
		return;
	get_text(inner, "module", e->module, sizeof(e->module));
	get_text(inner, "symbol", e->symbol, sizeof(e->symbol));
	get_text(inner, "offset", e->offset, sizeof(e->offset));
}

static void read_members(struct event *e, json_object *o)
{
	json_object *armed;

	get_text(o, "event", e->event, sizeof(e->event));
	get_text(o, "pattern", e->pattern, sizeof(e->pattern));
	get_text(o, "op", e->op, sizeof(e->op));
	get_text(o, "action", e->action, sizeof(e->action));
	get_text(o, "outcome", e->outcome, sizeof(e->outcome));
	get_text(o, "intent", e->intent, sizeof(e->intent));
	get_text(o, "harm", e->harm, sizeof(e->harm));
	get_text(o, "role", e->role, sizeof(e->role));
	get_text(o, "stack_id", e->stack_id, sizeof(e->stack_id));
	e->pid = get_number(o, "pid");
	e->sock = get_number(o, "sock");
	e->unread = get_number(o, "unread");
	e->unsent = get_number(o, "unsent");
	e->waiting = get_number(o, "waiting");
	e->taken = get_number(o, "taken");
	read_frames(e, o);
	if (json_object_object_get_ex(o, "armed_by", &armed) &&
		json_object_is_type(armed, json_type_object))
		e->armed_by = get_array(armed, "frames") != NULL;
}

bool event_parse(struct event *e, const char *line)
{
	json_tokener *tokener = json_tokener_new();
	json_object *o;
	bool object;

	memset(e, 0, sizeof(*e));
	if (!tokener)
		return false;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	o = json_tokener_parse_ex(tokener, line, (int)strlen(line) + 1);
	object = o && json_object_is_type(o, json_type_object);
	if (object)
		read_members(e, o);
	json_object_put(o);
	json_tokener_free(tokener);
	return object;
}

/* How a close that was told as lingering has ended. The stack stands in the first of the two lines. */
static bool take_end(struct event_log *log, const struct event *e)
{
	size_t i, kept = log->rsts < EVENTS_KEPT ? log->rsts : EVENTS_KEPT;

	for (i = 0; i < kept; i++) {
		struct event *first = &log->first[i];

		if (strcmp(first->outcome, "lingering") != 0 || first->sock != e->sock ||
			first->pid != e->pid)
			continue;
		memcpy(first->outcome, e->outcome, sizeof(first->outcome));
		return true;
	}
	return false;
}

static void take_line(struct event_log *log, const char *line)
{
	struct event e;

	if (!event_parse(&e, line)) {
		log->bad++;
		return;
	}
	if (strcmp(e.event, "notice") == 0)
		log->notices++;
	if (strcmp(e.event, "rst") != 0 || take_end(log, &e))
		return;
	if (log->rsts < EVENTS_KEPT)
		log->first[log->rsts] = e;
	log->rsts++;
}

bool events_read(struct event_log *log, const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	memset(log, 0, sizeof(*log));
	if (!file)
		return errno == ENOENT;
	while (getline(&line, &size, file) > 0)
		take_line(log, line);
	free(line);
	fclose(file);
	return true;
}
