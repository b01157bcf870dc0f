/* SPDX-License-Identifier: MIT */
#include "counters.h"

#include "log/statsfile.h"
#include "statsread.h"
#include "tally_find.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Later than any line: a counter file knows what came after the last one, too. */
#define LAST (INT64_MAX - 1)

bool counters_is(const char *path)
{
	const char *slash = strrchr(path, '/');
	char magic[sizeof(STATS_MAGIC) - 1];
	bool is;
	int fd;

	if (stats_name(slash ? slash + 1 : path))
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	is = fd >= 0 && read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
		memcmp(magic, STATS_MAGIC, sizeof(magic)) == 0;
	if (fd >= 0)
		close(fd);
	return is;
}

/* Names in the file are any bytes. */
static struct span name(struct tally *t, const char *bytes)
{
	char *text = memory_text(span_of(bytes));
	struct span kept;

	line_make_utf8(text, strlen(text));
	kept = span_of(words_keep(&t->words, span_of(text)));
	free(text);
	return kept;
}

static int index_of(const char *name, const char *const *names, int count)
{
	for (int i = 0; i < count; i++) {
		if (strcmp(name, names[i]) == 0)
			return i;
	}
	return -1;
}

static struct figures figures_of(const struct stats_process *p, const struct stats_callsite *s)
{
	struct figures f = {.count = stats_events(p, s),
		.unread = s->unread,
		.unsent = s->unsent,
		.destroyed = s->lost,
		.saved = s->saved,
		.drained = s->drained};

	for (size_t i = 0; i < p->actions_count * p->outcomes_count; i++) {
		int action =
			index_of(p->actions[i / p->outcomes_count], action_names, ACTION_COUNT);
		int outcome =
			index_of(p->outcomes[i % p->outcomes_count], outcome_names, OUTCOME_COUNT);

		if (action >= 0)
			f.actions[action] += s->counts[i];
		if (outcome >= 0)
			f.outcomes[outcome] += s->counts[i];
	}
	return f;
}

static void add_frames(struct tally *t, struct line *l, const struct stats_callsite *s)
{
	struct line_stack *stack = &l->stack;

	stack->count = stack->language_count = 0;
	for (size_t i = 0; i < s->frames_count; i++) {
		const struct stats_callsite_frame *f = &s->frames[i];

		if (f->language && stack->language_count < LINE_LANGUAGE)
			stack->language[stack->language_count++] = (struct line_language){
				name(t, f->module), name(t, f->symbol), f->offset};
		else if (!f->language && stack->count < LINE_FRAMES)
			stack->frames[stack->count++] = (struct line_frame){name(t, f->module),
				name(t, f->build_id), name(t, f->symbol), f->offset};
	}
	stacks_add(&t->stacks, &t->words, stack, l);
}

static void add_site(struct tally *t, struct line *l, uint64_t process,
	const struct stats_process *p, const struct stats_callsite *s)
{
	struct figures f = figures_of(p, s);
	struct part *part;
	char id[17];

	snprintf(id, sizeof(id), "%016llx", (unsigned long long)s->stack_id);
	l->stack.stack_id = span_of(s->stack_id ? id : "");
	part = tally_part(t, process,
		tally_site(t,
			&(struct site_key){name(t, s->pattern), name(t, s->op), l->program,
				l->stack.stack_id}));
	tally_take_site(part, &f, LAST);
	part->counters = true;
	add_frames(t, l, s);
}

static void add_process(struct tally *t, struct line *l, const struct stats_process *p)
{
	size_t known = t->process_count;
	uint64_t process;

	l->program = name(t, p->program);
	l->host = name(t, p->host);
	l->boot_id = name(t, p->boot_id);
	l->pid = (uint64_t)p->pid;
	l->start = (uint64_t)p->start_s;
	l->time_us = LAST;
	process = tally_process_hash(l);
	tally_take_lost(tally_process(t, process), p->lost_lines, LAST);
	t->counter_files++;
	t->counter_files_alone += t->process_count > known;
	t->unplaced += p->unplaced;
	for (size_t i = 0; i < p->sites_count; i++) {
		if (stats_events(p, &p->sites[i]))
			add_site(t, l, process, p, &p->sites[i]);
	}
}

void counters_add(struct tally *t, struct input *in)
{
	struct line *l = memory_get(1, sizeof(*l));
	struct stats_process p;

	for (size_t i = 0; i < in->count; i++) {
		if (!in->files[i].counters)
			continue;
		switch (stats_file_read(&p, in->files[i].path)) {
		case STATS_GOOD:
			add_process(t, l, &p);
			stats_free(&p);
			break;
		case STATS_UNFINISHED:
			break;
		case STATS_BAD:
			in->files[i].why = memory_text(span_of("it is no whole counter file"));
			break;
		}
	}
	free(l);
}
