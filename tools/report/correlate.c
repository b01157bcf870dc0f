/* SPDX-License-Identifier: MIT */
#include "correlate.h"

#include "paper.h"
#include "read.h"
#include "report.h"
#include "when.h"

#include <stdlib.h>
#include <string.h>

/* How long after a reset its victim may be told, and how far the two clocks may be apart. */
#define WINDOW_US INT64_C(60000000)
#define SKEW_US	  INT64_C(2000000)

/* Where an event stands, and what its callsite is. */
struct place {
	char *file;
	uint64_t line;
	int64_t time_us;
	const char *pattern, *op, *outcome, *program, *stack_id; /* words */
	uint64_t pid, unsent;
};

/* A reset that an application was told of. */
struct seen {
	struct place at, cause; /* cause.file NULL: none was found */
	char *local, *peer;
	unsigned end;	 /* 0: in the server's log, 1: the client's */
	uint32_t before; /* + 1: an earlier one with the same addresses */
};

struct pairing {
	struct seen *list;
	size_t count, room;
	struct table table;
	struct words words;
	struct stacks stacks;
	unsigned end; /* whose log is being read */
	uint64_t bad; /* lines that are no JSON */
};

struct seen_key {
	unsigned end;
	struct span local, peer;
};

static bool same(const void *list, uint32_t number, const void *key)
{
	const struct seen *s = &((const struct pairing *)list)->list[number];
	const struct seen_key *k = key;

	return s->end == k->end && span_is(k->local, s->local) && span_is(k->peer, s->peer);
}

static uint64_t hash_of(const struct seen_key *k)
{
	return hash_span(hash_span(hash_number(HASH_START, k->end), k->local), k->peer);
}

static struct place place_of(
	struct pairing *p, const struct line *l, const char *file, uint64_t number)
{
	return (struct place){.file = memory_text(span_of(file)),
		.line = number,
		.time_us = l->time_us,
		.pattern = words_keep(&p->words, l->pattern),
		.op = words_keep(&p->words, l->op),
		.outcome = words_keep(&p->words, l->outcome),
		.program = words_keep(&p->words, l->program),
		.stack_id = words_keep(&p->words, l->stack.stack_id),
		.pid = l->pid,
		.unsent = l->unsent};
}

static bool is_told(const struct line *l)
{
	return span_is(l->pattern, "peer-reset") || span_is(l->pattern, "write-after-close");
}

static void take_seen(void *arg, const struct line *l, const char *file, uint64_t number)
{
	struct pairing *p = arg;
	struct seen_key k = {p->end, l->local, l->peer};
	struct seen s = {.end = p->end};
	uint32_t first;

	if (l->kind != LINE_RST)
		return;
	stacks_add(&p->stacks, &p->words, &l->stack, l);
	if (!is_told(l))
		return;
	s.at = place_of(p, l, file, number);
	s.local = memory_text(l->local);
	s.peer = memory_text(l->peer);
	p->list = memory_grow(p->list, p->count, &p->room, sizeof(*p->list));
	p->list[p->count] = s;
	if (table_find(&p->table, hash_of(&k), same, p, &k, (uint32_t)p->count, &first)) {
		p->list[p->count].before = p->list[first].before;
		p->list[first].before = (uint32_t)p->count + 1;
	}
	p->count++;
}

/* What has sent a RST, or may have: not what was mended, nor what was told by the other side. */
static bool is_cause(const struct line *l)
{
	return l->kind == LINE_RST &&
		(span_is(l->outcome, "reset") || span_is(l->outcome, "expired") ||
			span_is(l->outcome, "failed") || span_is(l->outcome, "delivered"));
}

static int64_t distance(const struct seen *s, int64_t time_us)
{
	return time_us > s->at.time_us ? time_us - s->at.time_us : s->at.time_us - time_us;
}

static void offer(
	struct pairing *p, struct seen *s, const struct line *l, const char *file, uint64_t number)
{
	if (l->time_us > s->at.time_us + SKEW_US || l->time_us < s->at.time_us - WINDOW_US)
		return;
	if (s->cause.file && distance(s, s->cause.time_us) <= distance(s, l->time_us))
		return;
	free(s->cause.file);
	s->cause = place_of(p, l, file, number);
}

static void take_cause(void *arg, const struct line *l, const char *file, uint64_t number)
{
	struct pairing *p = arg;
	struct seen_key k = {!p->end, l->peer, l->local};
	uint32_t i;

	if (!is_cause(l) || !table_has(&p->table, hash_of(&k), same, p, &k, &i))
		return;
	offer(p, &p->list[i], l, file, number);
	for (i = p->list[i].before; i; i = p->list[i - 1].before)
		offer(p, &p->list[i - 1], l, file, number);
}

/* "close() in httpd[7], reply at src/reply.c:40" */
static char *describe(const struct pairing *p, const struct place *at)
{
	const struct stack_frame *f = report_culprit(stacks_find(&p->stacks, at->stack_id));
	char *where = f ? report_place(f)
			: memory_print("stack %s", *at->stack_id ? at->stack_id : "unknown");
	char *text = memory_print(
		"%s() in %s[%llu], %s", at->op, at->program, (unsigned long long)at->pid, where);

	free(where);
	return text;
}

static void print_end(struct paper *p, const struct pairing *all, const char *what,
	const struct place *at, enum ink ink)
{
	char *text = describe(all, at);

	paper_add(p, "  %s %s", what, text);
	paper_end(p, ink);
	paper_add(p, "         %s:%llu", at->file, (unsigned long long)at->line);
	paper_end(p, INK_DIM);
	free(text);
}

/* The program's own write came after the peer had closed: that draws a RST without anybody's event. */
static bool own_doing(const struct seen *s)
{
	return strcmp(s->at.pattern, "write-after-close") == 0;
}

static const char *const unpaired =
	"reset by neither application: a middlebox, a firewall, a crash, "
	"or a process that was not watched";
static const char *const by_itself = "its own write after the peer had closed";

static void print_seen(struct paper *p, const struct pairing *all, const struct seen *s)
{
	char text[WHEN_SIZE];

	paper_add(p, "%s %s -> %s, %s told the %s",
		s->at.time_us == LINE_UNKNOWN ? "?" : when_short(text, s->at.time_us), s->peer,
		s->local, s->at.pattern, s->end ? "client" : "server");
	paper_end(p, INK_BOLD);
	print_end(p, all, "seen   by", &s->at, INK_PLAIN);
	if (s->cause.file) {
		paper_add(p, "  %s, %s of output destroyed:", s->cause.pattern,
			number_bytes(text, s->cause.unsent));
		paper_end(p, INK_RED);
		print_end(p, all, "caused by", &s->cause, INK_RED);
	} else {
		paper_add(p, "  %s", own_doing(s) ? by_itself : unpaired);
		paper_end(p, INK_YELLOW);
	}
}

static void print_warnings(struct paper *p, const struct pairing *all, struct input *const ends[2])
{
	if (all->bad) {
		paper_add(p, "warning: lines passed over, no event in JSON: %llu",
			(unsigned long long)all->bad);
		paper_end(p, INK_YELLOW);
	}
	for (unsigned end = 0; end < 2; end++) {
		for (size_t i = 0; i < ends[end]->count; i++) {
			const struct input_file *f = &ends[end]->files[i];

			if (!f->why)
				continue;
			paper_add(p, "warning: %s: %s", f->path, f->why);
			paper_end(p, INK_YELLOW);
		}
	}
}

static void print_text(const struct pairing *all, struct input *const ends[2], FILE *out)
{
	size_t paired = 0, own = 0;
	struct paper p;

	paper_start(&p, out);
	print_warnings(&p, all, ends);
	for (size_t i = 0; i < all->count; i++) {
		const struct seen *s = &all->list[i];

		paired += s->cause.file != NULL;
		own += !s->cause.file && own_doing(s);
		print_seen(&p, all, s);
	}
	paper_add(&p,
		"resets seen: %zu; caused at the other end: %zu; by a write after the peer's close: %zu; by "
		"neither application: %zu",
		all->count, paired, own, all->count - paired - own);
	paper_end(&p, INK_BOLD);
}

static json_object *place_json(const struct pairing *all, const struct place *at)
{
	json_object *o = json_object_new_object();
	char text[WHEN_SIZE], *where = describe(all, at);

	json_object_object_add(o, "file", json_object_new_string(at->file));
	json_object_object_add(o, "line", json_object_new_uint64(at->line));
	json_object_object_add(o, "time",
		at->time_us == LINE_UNKNOWN
			? NULL
			: json_object_new_string(when_exact(text, at->time_us)));
	json_object_object_add(o, "pattern", json_object_new_string(at->pattern));
	json_object_object_add(o, "op", json_object_new_string(at->op));
	json_object_object_add(o, "outcome", json_object_new_string(at->outcome));
	json_object_object_add(o, "program", json_object_new_string(at->program));
	json_object_object_add(o, "pid", json_object_new_uint64(at->pid));
	json_object_object_add(o, "stack_id", json_object_new_string(at->stack_id));
	json_object_object_add(o, "where", json_object_new_string(where));
	free(where);
	return o;
}

static void print_json(const struct pairing *all, FILE *out)
{
	json_object *top = json_object_new_object(), *list = json_object_new_array();

	for (size_t i = 0; i < all->count; i++) {
		const struct seen *s = &all->list[i];
		json_object *o = json_object_new_object();

		json_object_object_add(
			o, "end", json_object_new_string(s->end ? "client" : "server"));
		json_object_object_add(o, "local", json_object_new_string(s->local));
		json_object_object_add(o, "peer", json_object_new_string(s->peer));
		json_object_object_add(o, "seen", place_json(all, &s->at));
		json_object_object_add(
			o, "cause", s->cause.file ? place_json(all, &s->cause) : NULL);
		json_object_object_add(o, "by",
			json_object_new_string(s->cause.file ? "the other end"
					: own_doing(s)	     ? "its own write"
							     : "neither application"));
		json_object_array_add(list, o);
	}
	json_object_object_add(top, "correlation", json_object_new_int(1));
	json_object_object_add(top, "no_event", json_object_new_uint64(all->bad));
	json_object_object_add(top, "resets", list);
	fputs(json_object_to_json_string_ext(top, JSON_C_TO_STRING_NOSLASHESCAPE), out);
	fputc('\n', out);
	json_object_put(top);
}

static void pairing_free(struct pairing *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->list[i].at.file);
		free(p->list[i].cause.file);
		free(p->list[i].local);
		free(p->list[i].peer);
	}
	free(p->list);
	table_free(&p->table);
	stacks_free(&p->stacks);
	words_free(&p->words);
}

void correlate(
	struct input *server, struct input *client, const struct correlate_options *o, FILE *out)
{
	struct input *ends[2] = {server, client};
	struct symbols symbols = {.made = NULL};
	struct pairing p = {.list = NULL};

	for (p.end = 0; p.end < 2; p.end++)
		p.bad += read_lines(ends[p.end], take_seen, &p);
	for (p.end = 0; p.end < 2; p.end++) {
		input_rewind(ends[p.end]);
		read_lines(ends[p.end], take_cause, &p);
	}
	symbols_resolve(&symbols, &p.stacks,
		&(struct symbols_from){o->sysroot, {o->perf_maps, {server, client}}});
	if (o->json)
		print_json(&p, out);
	else
		print_text(&p, ends, out);
	symbols_free(&symbols);
	pairing_free(&p);
}
