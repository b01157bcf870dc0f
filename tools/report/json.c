/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "baseline.h"
#include "say.h"
#include "when.h"

#include <stdlib.h>
#include <string.h>

static void put(json_object *o, const char *key, json_object *value)
{
	json_object_object_add(o, key, value);
}

static void put_text(json_object *o, const char *key, const char *text)
{
	put(o, key, text && *text ? json_object_new_string(text) : NULL);
}

static void put_number(json_object *o, const char *key, uint64_t number)
{
	put(o, key, json_object_new_uint64(number));
}

static void put_time(json_object *o, const char *key, int64_t us)
{
	char text[WHEN_SIZE];

	put_text(o, key, us == LINE_UNKNOWN ? NULL : when_exact(text, us));
}

static json_object *sources_of(const struct source *at)
{
	json_object *list = json_object_new_array();

	for (; at; at = at->outer) {
		json_object *o = json_object_new_object();

		put_text(o, "function", at->function);
		put_text(o, "file", at->file);
		put_number(o, "line", at->line);
		put_number(o, "column", at->column);
		json_object_array_add(list, o);
	}
	return list;
}

static json_object *frames_of(const struct report *r, const char *stack_id)
{
	const struct stack *stack = stacks_find(&r->tally->stacks, stack_id);
	json_object *list = json_object_new_array();
	char offset[32];

	for (unsigned i = 0; stack && i < stack->count; i++) {
		const struct stack_frame *f = &stack->frames[i];
		json_object *o = json_object_new_object();

		put_text(o, "module", f->module);
		put_text(o, "build_id", f->build_id);
		snprintf(offset, sizeof(offset), "0x%llx", (unsigned long long)f->offset);
		put_text(o, "offset", f->language ? NULL : offset);
		put_text(o, "symbol", f->symbol);
		if (f->language)
			put(o, "language", json_object_new_boolean(true));
		put(o, "source", sources_of(f->source));
		json_object_array_add(list, o);
	}
	return list;
}

static void put_where(json_object *o, const struct report *r, const char *stack_id)
{
	const struct stack_frame *f = report_culprit(stacks_find(&r->tally->stacks, stack_id));
	char *place = f ? report_place(f) : NULL;

	put_text(o, "where", place);
	free(place);
}

static const char *const source_names[COUNTED_COUNT] = {"lines", "summary", "counters"};

/* {name: count, ...}, without those that are 0. */
static json_object *names_of(const uint64_t *counts, const char *const *names, unsigned count)
{
	json_object *o = json_object_new_object();

	for (unsigned i = 0; i < count; i++) {
		if (counts[i])
			put_number(o, names[i], counts[i]);
	}
	return o;
}

static json_object *peers_of(const struct peers *p)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < p->count; i++) {
		json_object *o = json_object_new_object();

		put_text(o, "address", p->list[i].address);
		put_number(o, "count", p->list[i].events);
		json_object_array_add(list, o);
	}
	return list;
}

/* As [part, count, part, count, ...], parts from that of the first event on; most are empty. */
static json_object *timeline_of(const struct timeline *t, int64_t first)
{
	json_object *list = json_object_new_array();
	uint64_t n;

	for (int64_t part = first; t->counts && part < first + TIMELINE_PARTS; part++) {
		n = timeline_at(t, part);
		if (!n)
			continue;
		json_object_array_add(list, json_object_new_int64(part - first));
		json_object_array_add(list, json_object_new_uint64(n));
	}
	return list;
}

static void put_change(const struct report *r, json_object *o, const struct site *s)
{
	const struct known *was;
	enum change change = report_change(r, s, &was);

	if (change == CHANGE_NONE)
		return;
	put_text(o, "change", change_names[change]);
	if (!was)
		return;
	put_number(o, "was_count", was->count);
	put_number(o, "was_destroyed", was->destroyed);
}

static void put_figures(json_object *o, const struct site *s)
{
	put_number(o, "count", s->sum.count);
	put_number(o, "held", s->held);
	put_number(o, "destroyed", s->sum.destroyed);
	put_number(o, "unsent", s->sum.unsent);
	put_number(o, "unread", s->sum.unread);
	put_number(o, "saved", s->sum.saved);
	put_number(o, "drained", s->sum.drained);
	put(o, "outcomes", names_of(s->sum.outcomes, outcome_names, OUTCOME_COUNT));
	put(o, "actions", names_of(s->sum.actions, action_names, ACTION_COUNT));
	put(o, "sources", names_of(s->sources, source_names, COUNTED_COUNT));
	put_number(o, "server", s->roles[0]);
	put_number(o, "client", s->roles[1]);
}

static json_object *site_of(const struct report *r, const struct site *s, int64_t first)
{
	json_object *o = json_object_new_object(), *armed;

	put_text(o, "pattern", s->pattern);
	put_text(o, "op", s->op);
	put_text(o, "program", s->program);
	put_text(o, "stack_id", s->stack_id);
	put_change(r, o, s);
	put_figures(o, s);
	put_time(o, "first", s->first_us);
	put_time(o, "last", s->last_us);
	put_number(o, "peer_addresses", peers_number(&s->peers));
	put(o, "peers", peers_of(&s->peers));
	put(o, "timeline", timeline_of(&s->timeline, first));
	put(o, "frames", frames_of(r, s->stack_id));
	put_where(o, r, s->stack_id);
	if (*s->armed_id) {
		armed = json_object_new_object();
		put_text(armed, "op", s->armed_op);
		put_text(armed, "stack_id", s->armed_id);
		put(armed, "frames", frames_of(r, s->armed_id));
		put(o, "armed_by", armed);
	}
	return o;
}

static json_object *gone_of(const struct baseline *b)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < baseline_count(b); i++) {
		const struct known *known = baseline_at(b, i);
		json_object *o;

		if (known->now_count)
			continue;
		o = json_object_new_object();
		put_text(o, "pattern", known->pattern);
		put_text(o, "op", known->op);
		put_text(o, "stack_id", known->stack_id);
		put_number(o, "was_count", known->count);
		put_number(o, "was_destroyed", known->destroyed);
		json_object_array_add(list, o);
	}
	return list;
}

static json_object *files_of(const struct input *in)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < in->count; i++) {
		json_object *o = json_object_new_object();

		put_text(o, "path", in->files[i].path);
		put(o, "counters", json_object_new_boolean(in->files[i].counters));
		put_text(o, "broken", in->files[i].why);
		json_object_array_add(list, o);
	}
	return list;
}

static json_object *notices_of(const struct tally *t)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < t->notice_count; i++) {
		json_object *o = json_object_new_object();

		put_text(o, "code", t->notices[i].code);
		put_number(o, "count", t->notices[i].count);
		put_text(o, "text", t->notices[i].text);
		json_object_array_add(list, o);
	}
	return list;
}

static json_object *unresolved_of(const struct symbols *s)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < s->unresolved_count; i++) {
		json_object *o = json_object_new_object();

		put_text(o, "module", s->unresolved[i].module);
		put_text(o, "build_id", s->unresolved[i].build_id);
		put_text(o, "why", s->unresolved[i].why);
		put_number(o, "frames", s->unresolved[i].frames);
		json_object_array_add(list, o);
	}
	return list;
}

static json_object *sites_of(const struct report *r, const struct timeline *all)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < r->tally->site_count; i++)
		json_object_array_add(list,
			site_of(r, &r->tally->sites[i],
				all->counts ? all->first >> all->shift : 0));
	return list;
}

/* "report" comes first: by it a baseline knows the document. */
json_object *report_document(const struct report *r)
{
	const struct tally *t = r->tally;
	struct timeline all;
	json_object *o = json_object_new_object();

	tally_timeline(r->tally, &all);
	put_number(o, "report", 1);
	put(o, "files", files_of(&r->input));
	put_time(o, "first", t->first_us);
	put_time(o, "last", t->last_us);
	put_number(o, "lines", t->lines);
	put_number(o, "event_lines", t->events);
	put_number(o, "processes", t->process_count);
	put_number(o, "counter_files", t->counter_files);
	put_number(o, "counter_files_alone", t->counter_files_alone);
	put_number(o, "unplaced", t->unplaced);
	put_number(o, "no_event", t->bad);
	put_number(o, "truncated", t->truncated);
	put_number(o, "lost", t->lost);
	put_number(o, "part_seconds", UINT64_C(1) << all.shift);
	put_time(o, "part_first",
		all.counts ? (all.first >> all.shift << all.shift) * 1000000 : LINE_UNKNOWN);
	put(o, "notices", notices_of(t));
	put(o, "unresolved", unresolved_of(&r->symbols));
	put(o, "callsites", sites_of(r, &all));
	if (r->baseline)
		put(o, "gone", gone_of(r->baseline));
	timeline_free(&all);
	return o;
}

void report_json(const struct report *r, FILE *out)
{
	json_object *o = report_document(r);

	say_json(out, json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
	fputc('\n', out);
	json_object_put(o);
}
