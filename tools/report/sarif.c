/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "baseline.h"
#include "detect/verdict.h"
#include "say.h"

#include <stdlib.h>
#include <string.h>

static json_object *text(const char *words)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "text", json_object_new_string(words));
	return o;
}

/* RFC 3986: what is no unreserved character or slash is percent-encoded. */
static char *uri_of(const char *path)
{
	char *uri = memory_get(3 * strlen(path) + sizeof("file://"), 1), *to = uri;

	to += sprintf(to, "%s", *path == '/' ? "file://" : "");
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || strchr("/-._~+", c);

		to += sprintf(to, plain ? "%c" : "%%%02X", c);
	}
	return uri;
}

static json_object *physical(const struct source *at)
{
	json_object *o = json_object_new_object(), *artifact = json_object_new_object(),
		    *region = json_object_new_object();
	char *uri = uri_of(at->file);

	json_object_object_add(artifact, "uri", json_object_new_string(uri));
	json_object_object_add(o, "artifactLocation", artifact);
	if (at->line) {
		json_object_object_add(region, "startLine", json_object_new_int64(at->line));
		if (at->column)
			json_object_object_add(
				region, "startColumn", json_object_new_int64(at->column));
		json_object_object_add(o, "region", region);
	} else {
		json_object_put(region);
	}
	free(uri);
	return o;
}

static json_object *logical(const char *name)
{
	json_object *list = json_object_new_array(), *o = json_object_new_object();

	json_object_object_add(o, "fullyQualifiedName", json_object_new_string(name));
	json_object_object_add(o, "kind", json_object_new_string("function"));
	json_object_array_add(list, o);
	return list;
}

static json_object *location(const struct stack_frame *f, const struct source *at)
{
	json_object *o = json_object_new_object();
	char *place = report_place(f);
	const char *name = at && *at->function ? at->function : *f->symbol ? f->symbol : place;

	if (at && *at->file)
		json_object_object_add(o, "physicalLocation", physical(at));
	json_object_object_add(o, "logicalLocations", logical(name));
	free(place);
	return o;
}

static void add_frame(json_object *frames, const struct stack_frame *f, const struct source *at)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "location", location(f, at));
	json_object_object_add(o, "module", json_object_new_string(f->module));
	json_object_array_add(frames, o);
}

static json_object *stacks(const struct stack *stack, const char *title)
{
	json_object *list = json_object_new_array(), *o = json_object_new_object(),
		    *frames = json_object_new_array();

	for (unsigned i = 0; i < stack->count; i++) {
		const struct source *at = stack->frames[i].source;

		add_frame(frames, &stack->frames[i], at);
		for (at = at ? at->outer : NULL; at; at = at->outer)
			add_frame(frames, &stack->frames[i], at);
	}
	json_object_object_add(o, "message", text(title));
	json_object_object_add(o, "frames", frames);
	json_object_array_add(list, o);
	return list;
}

/* Destroyed output is an error, a reset without a loss a warning, what was mended or only seen a note. */
static const char *level_of(const struct figures *f)
{
	return f->destroyed ? "error" : f->outcomes[OUTCOME_RESET] ? "warning" : "note";
}

static json_object *result_of(const char *pattern, const char *op, const char *stack_id)
{
	json_object *o = json_object_new_object(), *prints = json_object_new_object();
	char *print = memory_print("%s/%s/%s", stack_id, pattern, op);

	json_object_object_add(o, "ruleId", json_object_new_string(pattern));
	if (*stack_id)
		json_object_object_add(prints, "rstfixCallsite/v1", json_object_new_string(print));
	json_object_object_add(o, "partialFingerprints", prints);
	free(print);
	return o;
}

static void put_state(json_object *o, enum change change)
{
	static const char *const states[] = {
		[CHANGE_NONE] = NULL,
		[CHANGE_NEW] = "new",
		[CHANGE_CHANGED] = "updated",
		[CHANGE_SAME] = "unchanged",
	};

	if (states[change])
		json_object_object_add(o, "baselineState", json_object_new_string(states[change]));
}

static json_object *site_result(const struct report *r, const struct site *s)
{
	const struct stack *stack = stacks_find(&r->tally->stacks, s->stack_id);
	const struct stack_frame *f = report_culprit(stack);
	json_object *o = result_of(s->pattern, s->op, s->stack_id), *list = json_object_new_array();
	const struct known *was;
	char *words = memory_print("%s by %s() in %s: %llu times, %llu bytes of output destroyed",
		s->pattern, s->op, s->program, (unsigned long long)s->sum.count,
		(unsigned long long)s->sum.destroyed);

	json_object_object_add(o, "level", json_object_new_string(level_of(&s->sum)));
	json_object_object_add(o, "message", text(words));
	if (s->sum.count)
		json_object_object_add(o, "occurrenceCount",
			json_object_new_int64(
				s->sum.count < INT32_MAX ? (int64_t)s->sum.count : INT32_MAX));
	put_state(o, report_change(r, s, &was));
	if (f)
		json_object_array_add(list, location(f, f->source));
	json_object_object_add(o, "locations", list);
	if (stack && stack->count)
		json_object_object_add(o, "stacks", stacks(stack, words));
	free(words);
	return o;
}

static json_object *gone_result(const struct known *k)
{
	json_object *o = result_of(k->pattern, k->op, k->stack_id);

	json_object_object_add(o, "level", json_object_new_string("none"));
	json_object_object_add(o, "message", text("in the baseline, and not any more"));
	json_object_object_add(o, "baselineState", json_object_new_string("absent"));
	return o;
}

static json_object *rules(void)
{
	json_object *list = json_object_new_array();

	for (unsigned i = PATTERN_NONE + 1; i < PATTERN_COUNT; i++) {
		json_object *o = json_object_new_object();

		json_object_object_add(o, "id", json_object_new_string(pattern_names[i]));
		json_object_array_add(list, o);
	}
	return list;
}

static json_object *tool(void)
{
	json_object *o = json_object_new_object(), *driver = json_object_new_object();

	json_object_object_add(driver, "name", json_object_new_string("rstfix"));
	json_object_object_add(driver, "version", json_object_new_string(RSTFIX_VERSION));
	json_object_object_add(driver, "rules", rules());
	json_object_object_add(o, "driver", driver);
	return o;
}

void report_sarif(const struct report *r, FILE *out)
{
	json_object *o = json_object_new_object(), *runs = json_object_new_array(),
		    *run = json_object_new_object(), *results = json_object_new_array();

	for (size_t i = 0; i < r->tally->site_count; i++)
		json_object_array_add(results, site_result(r, &r->tally->sites[i]));
	for (size_t i = 0; r->baseline && i < baseline_count(r->baseline); i++) {
		const struct known *k = baseline_at(r->baseline, i);

		if (!k->now_count)
			json_object_array_add(results, gone_result(k));
	}
	json_object_object_add(run, "tool", tool());
	json_object_object_add(run, "results", results);
	json_object_array_add(runs, run);
	json_object_object_add(o, "$schema",
		json_object_new_string("https://json.schemastore.org/sarif-2.1.0.json"));
	json_object_object_add(o, "version", json_object_new_string("2.1.0"));
	json_object_object_add(o, "runs", runs);
	say_json(out, json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
	fputc('\n', out);
	json_object_put(o);
}
