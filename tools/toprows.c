/* SPDX-License-Identifier: MIT */
#include "toprows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_key(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;
	int order = strcmp(x->program, y->program);

	if (order == 0)
		order = strcmp(x->pattern, y->pattern);
	if (order == 0)
		order = strcmp(x->op, y->op);
	return order ? order : (x->stack_id > y->stack_id) - (x->stack_id < y->stack_id);
}

/* The processes may be of different versions, and name other outcomes. */
static void add_outcome(struct top_row *row, const char *name, uint64_t events)
{
	for (size_t i = 0; i < STATS_NAMES && events; i++) {
		if (row->outcomes[i].name && strcmp(row->outcomes[i].name, name) != 0)
			continue;
		row->outcomes[i].name = name;
		row->outcomes[i].events += events;
		return;
	}
}

static struct top_row row_of(const struct stats_process *p, const struct stats_callsite *s)
{
	struct top_row row = {
		.program = p->program,
		.pattern = s->pattern,
		.op = s->op,
		.site = s,
		.stack_id = s->stack_id,
		.events = stats_events(p, s),
		.unread = s->unread,
		.lost = s->lost,
		.saved = s->saved,
		.rate = -1,
		.pid = p->pid,
		.processes = 1,
		.running = p->life == STATS_RUNNING,
		.ended = p->life == STATS_ENDED,
	};

	for (size_t i = 0; i < p->actions_count * p->outcomes_count; i++)
		add_outcome(&row, p->outcomes[i % p->outcomes_count], s->counts[i]);
	return row;
}

static void merge(struct top_row *to, const struct top_row *from)
{
	for (size_t i = 0; i < STATS_NAMES && from->outcomes[i].name; i++)
		add_outcome(to, from->outcomes[i].name, from->outcomes[i].events);
	to->events += from->events;
	to->unread += from->unread;
	to->lost += from->lost;
	to->saved += from->saved;
	to->processes += from->processes;
	to->running += from->running;
	to->ended += from->ended;
}

static void merge_equal(struct top_rows *rows)
{
	size_t to = 0;

	for (size_t i = 0; i < rows->count; i++) {
		if (to > 0 && by_key(&rows->list[to - 1], &rows->list[i]) == 0)
			merge(&rows->list[to - 1], &rows->list[i]);
		else
			rows->list[to++] = rows->list[i];
	}
	rows->count = to;
}

bool top_rows_make(struct top_rows *rows, const struct stats_folder *f)
{
	size_t room = 1;

	for (size_t i = 0; i < f->count; i++)
		room += f->list[i].sites_count;
	*rows = (struct top_rows){.list = calloc(room, sizeof(*rows->list))};
	if (!rows->list)
		return false;
	for (size_t i = 0; i < f->count; i++) {
		const struct stats_process *p = &f->list[i];

		for (size_t k = 0; k < p->sites_count; k++)
			rows->list[rows->count++] = row_of(p, &p->sites[k]);
	}
	qsort(rows->list, rows->count, sizeof(*rows->list), by_key);
	merge_equal(rows);
	return true;
}

/* Less than before: the file of a process was removed meanwhile. */
void top_rows_rate(struct top_rows *rows, const struct top_rows *before, double seconds)
{
	for (size_t i = 0; i < rows->count && seconds > 0; i++) {
		struct top_row *row = &rows->list[i];
		const struct top_row *was =
			bsearch(row, before->list, before->count, sizeof(*row), by_key);
		uint64_t then = was ? was->events : 0;

		row->rate = row->events > then ? (double)(row->events - then) / seconds : 0;
	}
}

static int falling(double a, double b)
{
	return (a < b) - (a > b);
}

static enum top_order order_now;

static double figure(const struct top_row *row, enum top_order order)
{
	switch (order) {
	case TOP_RATE:
		return row->rate;
	case TOP_LOST:
		return (double)row->lost;
	case TOP_UNREAD:
		return (double)row->unread;
	case TOP_EVENTS:
		return (double)row->events;
	default:
		return 0;
	}
}

static int by_order(const void *a, const void *b)
{
	int order = falling(figure(a, order_now), figure(b, order_now));

	if (order == 0 && order_now != TOP_PROGRAM)
		order = falling(figure(a, TOP_EVENTS), figure(b, TOP_EVENTS));
	return order ? order : by_key(a, b);
}

void top_rows_sort(struct top_rows *rows, enum top_order order)
{
	order_now = order;
	qsort(rows->list, rows->count, sizeof(*rows->list), by_order);
}

static void pad(struct text *t, size_t from, size_t width)
{
	do
		text_char(t, ' ');
	while (t->len - from < width);
}

static void number(char *out, size_t size, uint64_t n, bool shortly)
{
	static const char units[] = " kMGTPE";
	double value = (double)n;
	unsigned unit = 0;

	if (!shortly || n < 100000) {
		snprintf(out, size, "%llu", (unsigned long long)n);
		return;
	}
	for (; value >= 1000 && unit + 2 < sizeof(units); unit++)
		value /= 1000;
	snprintf(out, size, "%.1f%c", value, units[unit]);
}

static void figures(struct text *t, const struct top_row *row, bool shortly)
{
	char rate[32] = "-", events[24], unread[24], lost[24], saved[24], line[192];

	if (row->rate >= 0)
		snprintf(rate, sizeof(rate), "%.1f", row->rate);
	number(events, sizeof(events), row->events, shortly);
	number(unread, sizeof(unread), row->unread, shortly);
	number(lost, sizeof(lost), row->lost, shortly);
	number(saved, sizeof(saved), row->saved, shortly);
	snprintf(line, sizeof(line), "%9s %9s %11s %11s %11s  ", rate, events, unread, lost, saved);
	text_str(t, line);
}

/* The innermost frame, as short as it is still clear. */
static void callsite(struct text *t, const struct stats_callsite *s)
{
	const struct stats_callsite_frame *f = s->frames;
	const char *slash;

	if (s->frames_count == 0) {
		text_char(t, '-');
		return;
	}
	if (*f->symbol)
		text_safe(t, f->symbol);
	if (*f->symbol && !f->language)
		return;
	slash = strrchr(f->module, '/');
	if (f->language) {
		text_char(t, ' ');
		text_safe(t, slash ? slash + 1 : f->module);
		text_char(t, ':');
		text_u64(t, f->offset);
		return;
	}
	text_safe(t, *f->module ? slash ? slash + 1 : f->module : "?");
	text_str(t, "+0x");
	text_hex(t, f->offset, 1);
}

/* The commonest one, and its share where there are others. */
static void outcome(struct text *t, const struct top_row *row)
{
	size_t from = t->len, most = 0;

	for (size_t i = 1; i < STATS_NAMES && row->outcomes[i].name; i++)
		if (row->outcomes[i].events > row->outcomes[most].events)
			most = i;
	text_str(t, row->outcomes[most].name ? row->outcomes[most].name : "-");
	if (row->outcomes[most].name && row->outcomes[most].events < row->events) {
		text_char(t, ':');
		text_u64(t,
			(uint64_t)((double)row->outcomes[most].events * 100 / (double)row->events));
		text_char(t, '%');
	}
	pad(t, from, 14);
}

static void process(struct text *t, const struct top_row *row)
{
	size_t from = t->len;

	if (row->processes == 1)
		text_u64(t, (uint64_t)(uint32_t)row->pid);
	else
		text_char(t, '*');
	pad(t, from, 9);
	from = t->len;
	if (row->running + row->ended < row->processes) {
		text_str(t, "unknown");
	} else if (row->running == row->processes) {
		text_str(t, "running");
	} else if (row->running == 0) {
		text_str(t, "ended");
	} else {
		text_u64(t, row->running);
		text_char(t, '/');
		text_u64(t, row->processes);
	}
	pad(t, from, 9);
}

void top_rows_head(struct text *t)
{
	text_str(t,
		"     RATE    EVENTS      UNREAD        LOST       SAVED  OUTCOME       PROGRAM     "
		"    PID      STATE    PATTERN           CALL        STACK            CALLSITE");
}

/* A field is a word, so that scripts can cut the line. */
static void program(struct text *t, const char *name)
{
	char word[64];
	size_t from = t->len, n = 0;

	for (; *name && n + 1 < sizeof(word); name++, n++) {
		word[n] = *name;
		if (*name == ' ')
			word[n] = '_';
	}
	word[n] = 0;
	text_safe(t, n ? word : "?");
	pad(t, from, 16);
}

static void field(struct text *t, const char *word, size_t width)
{
	size_t from = t->len;

	text_str(t, word);
	pad(t, from, width);
}

void top_rows_print(struct text *t, const struct top_row *row, bool shortly)
{
	figures(t, row, shortly);
	outcome(t, row);
	program(t, row->program);
	process(t, row);
	field(t, row->pattern, 18);
	field(t, row->op, 12);
	text_hex(t, row->stack_id, 16);
	text_char(t, ' ');
	callsite(t, row->site);
}
