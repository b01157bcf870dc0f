/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "baseline.h"
#include "paper.h"
#include "when.h"

#include <stdlib.h>
#include <string.h>

#define WITH_STACK     20 /* callsites that are told at length; the others are in the table */
#define PEERS_SHOWN    3
#define FRAMES_SHOWN   16
#define PROGRAM_WIDEST 24

static void add_count(struct paper *p, uint64_t n, const char *one, const char *many)
{
	char text[WHEN_SIZE];

	paper_add(p, "%s %s", number_grouped(text, n), n == 1 ? one : many);
}

static struct figures sum_of(const struct tally *t)
{
	struct figures sum = {0};

	for (size_t i = 0; i < t->site_count; i++)
		figures_add(&sum, &t->sites[i].sum);
	return sum;
}

static void add_names(
	struct paper *p, const uint64_t *counts, const char *const *names, unsigned count)
{
	char text[WHEN_SIZE];
	const char *comma = "";

	for (unsigned i = 0; i < count; i++) {
		if (!counts[i])
			continue;
		paper_add(p, "%s%s %s", comma, names[i], number_grouped(text, counts[i]));
		comma = ", ";
	}
}

static void add_outcomes(struct paper *p, const struct figures *f)
{
	add_names(p, f->outcomes, outcome_names, OUTCOME_COUNT);
}

/* What a summary says nothing of is known in part only. */
static void add_actions(struct paper *p, const struct figures *f)
{
	uint64_t known = 0;

	for (unsigned i = 0; i < ACTION_COUNT; i++)
		known += f->actions[i];
	if (!known)
		return;
	paper_add(p, "; action ");
	add_names(p, f->actions, action_names, ACTION_COUNT);
}

static void print_counters(struct paper *p, const struct tally *t)
{
	if (!t->counter_files)
		return;
	add_count(p, t->counter_files, "process is", "processes are");
	paper_add(p, " counted by counter files, ");
	add_count(p, t->counter_files_alone, "of them is", "of them are");
	paper_add(p, " in no log");
	paper_end(p, INK_PLAIN);
}

static void print_head(struct paper *p, const struct report *r)
{
	const struct tally *t = r->tally;
	struct figures sum = sum_of(t);
	char from[WHEN_SIZE], to[WHEN_SIZE];
	uint64_t held = 0;

	for (size_t i = 0; i < t->site_count; i++)
		held += t->sites[i].held;
	add_count(p, sum.count, "event", "events");
	paper_add(p, " at ");
	add_count(p, t->site_count, "callsite", "callsites");
	paper_add(p, " of ");
	add_count(p, t->process_count, "process", "processes");
	paper_end(p, INK_BOLD);
	if (t->first_us != LINE_UNKNOWN) {
		paper_add(p, "from %s to %s UTC", when_short(from, t->first_us),
			when_short(to, t->last_us));
		paper_end(p, INK_PLAIN);
	}
	print_counters(p, t);
	if (!sum.count)
		return;
	paper_add(p, "%s of output destroyed, %s saved; ", number_bytes(from, sum.destroyed),
		number_bytes(to, sum.saved));
	add_outcomes(p, &sum);
	if (held)
		paper_add(p, "; %s held back by the rate", number_grouped(from, held));
	paper_end(p, sum.destroyed ? INK_RED : INK_PLAIN);
}

static void warn(struct paper *p, uint64_t n, const char *consequence)
{
	if (!n)
		return;
	paper_add(p, "warning: ");
	add_count(p, n, "line", "lines");
	paper_add(p, "%s", consequence);
	paper_end(p, INK_YELLOW);
}

static void print_warnings(struct paper *p, const struct report *r)
{
	const struct tally *t = r->tally;

	for (size_t i = 0; i < r->input.count; i++) {
		const struct input_file *f = &r->input.files[i];

		if (!f->why)
			continue;
		paper_add(p, "warning: %s: %s; what could be read of it counts", f->path, f->why);
		paper_end(p, INK_YELLOW);
	}
	warn(p, t->bad,
		t->bad == t->lines
			? ", none of them an event in JSON: was the log written with RSTFIX_FORMAT=json?"
			: " passed over: no event in JSON");
	warn(p, t->truncated, " cut off at the end of a file");
	if (t->unplaced) {
		paper_add(p, "warning: ");
		add_count(p, t->unplaced, "event", "events");
		paper_add(p, " without a callsite: a counter file was full");
		paper_end(p, INK_YELLOW);
	}
	warn(p, t->lost, " that the shim could not write: more has happened than is told here");
	for (size_t i = 0; i < t->notice_count; i++) {
		paper_add(p, "notice: %s", t->notices[i].text);
		if (t->notices[i].count > 1)
			paper_add(p, " (%llu times)", (unsigned long long)t->notices[i].count);
		paper_end(p, INK_YELLOW);
	}
}

/* What most of its events ended as. */
static const char *main_outcome(const struct figures *f)
{
	unsigned most = 0;

	for (unsigned i = 1; i < OUTCOME_COUNT; i++)
		most = f->outcomes[i] > f->outcomes[most] ? i : most;
	return f->outcomes[most] ? outcome_names[most] : "";
}

/* The columns that the programs' names take. */
static int program_width(const struct tally *t)
{
	size_t widest = strlen("program");

	for (size_t i = 0; i < t->site_count; i++) {
		size_t len = strlen(t->sites[i].program);

		widest = len > widest ? len : widest;
	}
	return widest < PROGRAM_WIDEST ? (int)widest : PROGRAM_WIDEST;
}

static void print_row(struct paper *p, const struct report *r, const struct site *s, int width)
{
	const struct stack_frame *f = report_culprit(stacks_find(&r->tally->stacks, s->stack_id));
	char bytes[WHEN_SIZE], count[WHEN_SIZE];
	char *place = f ? report_place(f)
			: memory_print("stack %s", *s->stack_id ? s->stack_id : "unknown");
	const struct known *was;
	enum change change = report_change(r, s, &was);

	paper_add(p, "%9s %11s  %-9s  %-17s  %-*s", number_bytes(bytes, s->sum.destroyed),
		number_grouped(count, s->sum.count), main_outcome(&s->sum), s->pattern, width,
		s->program);
	if (r->baseline)
		paper_add(p, "  %-7s", change_names[change]);
	paper_add(p, "  %s", place);
	paper_end(p, change == CHANGE_NEW ? INK_YELLOW : INK_PLAIN);
	free(place);
}

static void print_table(struct paper *p, const struct report *r)
{
	int width = program_width(r->tally);

	if (!r->tally->site_count)
		return;
	paper_end(p, INK_PLAIN);
	paper_add(p, "%9s %11s  %-9s  %-17s  %-*s%s  where", "destroyed", "events", "mostly",
		"pattern", width, "program", r->baseline ? "  change " : "");
	paper_end(p, INK_BOLD);
	for (size_t i = 0; i < r->tally->site_count; i++)
		print_row(p, r, &r->tally->sites[i], width);
}

static void print_peers(struct paper *p, const struct site *s)
{
	uint64_t all = peers_number(&s->peers);
	char text[WHEN_SIZE];

	if (!all)
		return;
	paper_add(p, "    peers ");
	for (size_t i = 0; i < s->peers.count && i < PEERS_SHOWN; i++)
		paper_add(p, "%s%s (%s)", i ? ", " : "", s->peers.list[i].address,
			number_grouped(text, s->peers.list[i].events));
	if (all > PEERS_SHOWN)
		paper_add(p, " and %s%s others", s->peers.more ? "about " : "",
			number_grouped(text, all - PEERS_SHOWN));
	if (s->roles[0] || s->roles[1])
		paper_add(p, "; as %s",
			!s->roles[1]	       ? "server"
				: !s->roles[0] ? "client"
					       : "both ends");
	paper_end(p, INK_PLAIN);
}

static void print_sources(struct paper *p, const struct source *at, const char *indent)
{
	for (at = at->outer; at; at = at->outer) {
		paper_add(p, "%s      inlined into %s at %s:%u", indent,
			*at->function ? at->function : "??", *at->file ? at->file : "??", at->line);
		paper_end(p, INK_PLAIN);
	}
}

static void print_stack(struct paper *p, const struct report *r, const char *id, const char *indent)
{
	const struct stack *stack = stacks_find(&r->tally->stacks, id);
	const struct stack_frame *f;
	unsigned native = 0;
	char *place;

	if (!stack || !stack->count) {
		paper_add(p, "%sno line of the log has its frames", indent);
		paper_end(p, INK_DIM);
		return;
	}
	for (unsigned i = 0; i < stack->count && native < FRAMES_SHOWN; i++) {
		f = &stack->frames[i];
		place = report_place(f);
		if (f->language)
			paper_add(p, "%sin  %s", indent, place);
		else
			paper_add(p, "%s#%-2u %s", indent, native++, place);
		paper_end(p, INK_PLAIN);
		free(place);
		if (f->source)
			print_sources(p, f->source, indent);
	}
}

static void print_was(struct paper *p, const struct known *was)
{
	char count[WHEN_SIZE], bytes[WHEN_SIZE];

	if (!was)
		return;
	paper_add(p, "    in the baseline: %s events, %s destroyed",
		number_grouped(count, was->count), number_bytes(bytes, was->destroyed));
	paper_end(p, INK_PLAIN);
}

static void print_site(struct paper *p, const struct report *r, const struct site *s, size_t number)
{
	char text[WHEN_SIZE], to[WHEN_SIZE];
	const struct known *was;
	enum change change = report_change(r, s, &was);

	paper_end(p, INK_PLAIN);
	paper_add(p, "%zu. %s by %s() in %s: %s destroyed, ", number, s->pattern, s->op, s->program,
		number_bytes(text, s->sum.destroyed));
	add_count(p, s->sum.count, "event", "events");
	if (r->baseline)
		paper_add(p, " [%s]", change_names[change]);
	paper_end(p, INK_BOLD);
	print_was(p, was);
	paper_add(p, "    ");
	add_outcomes(p, &s->sum);
	add_actions(p, &s->sum);
	paper_add(p, "; %s unread", number_bytes(text, s->sum.unread));
	if (s->held)
		paper_add(p, "; %s held back by the rate, figures unknown",
			number_grouped(text, s->held));
	paper_end(p, INK_PLAIN);
	if (s->first_us != LINE_UNKNOWN) {
		paper_add(p, "    from %s to %s", when_short(text, s->first_us),
			when_short(to, s->last_us));
		paper_end(p, INK_PLAIN);
	}
	print_peers(p, s);
	paper_add(p, "    stack %s", *s->stack_id ? s->stack_id : "unknown");
	paper_end(p, INK_DIM);
	if (*s->stack_id)
		print_stack(p, r, s->stack_id, "    ");
	if (*s->armed_id) {
		paper_add(p, "    armed by %s():", s->armed_op);
		paper_end(p, INK_PLAIN);
		print_stack(p, r, s->armed_id, "        ");
	}
}

static void print_gone(struct paper *p, const struct baseline *b)
{
	for (size_t i = 0; i < baseline_count(b); i++) {
		const struct known *k = baseline_at(b, i);

		if (k->now_count)
			continue;
		paper_add(p, "gone: %s by %s(), stack %s, ", k->pattern, k->op, k->stack_id);
		add_count(p, k->count, "event", "events");
		paper_add(p, " in the baseline");
		paper_end(p, INK_GREEN);
	}
}

static void print_unresolved(struct paper *p, const struct symbols *s)
{
	if (s->unresolved_count == 0)
		return;
	paper_end(p, INK_PLAIN);
	paper_add(p, "Without file and line:");
	paper_end(p, INK_BOLD);
	for (size_t i = 0; i < s->unresolved_count; i++) {
		const struct unresolved *u = &s->unresolved[i];

		paper_add(p, "  %s: %s", *u->module ? u->module : "(no module)", u->why);
		if (*u->build_id)
			paper_add(p, " (build id %s)", u->build_id);
		paper_end(p, INK_PLAIN);
	}
}

void report_text(const struct report *r, FILE *out)
{
	struct paper p;
	size_t n = r->tally->site_count;

	paper_start(&p, out);
	print_head(&p, r);
	print_warnings(&p, r);
	print_table(&p, r);
	for (size_t i = 0; i < n && i < WITH_STACK; i++)
		print_site(&p, r, &r->tally->sites[i], i + 1);
	if (n > WITH_STACK) {
		paper_end(&p, INK_PLAIN);
		paper_add(&p, "The stacks of the other %zu are in --format json and html.",
			n - WITH_STACK);
		paper_end(&p, INK_PLAIN);
	}
	if (r->baseline)
		print_gone(&p, r->baseline);
	print_unresolved(&p, &r->symbols);
}
