/* SPDX-License-Identifier: MIT */
#include "tally_find.h"

#include <stdlib.h>
#include <string.h>

struct tally *tally_new(void)
{
	struct tally *t = memory_get(1, sizeof(*t));

	t->first_us = t->last_us = LINE_UNKNOWN;
	return t;
}

void tally_free(struct tally *t)
{
	for (size_t i = 0; i < t->site_count; i++) {
		free(t->sites[i].peers.list);
		timeline_free(&t->sites[i].timeline);
	}
	free(t->sites);
	free(t->parts);
	free(t->processes);
	free(t->notices);
	table_free(&t->site_table);
	table_free(&t->part_table);
	table_free(&t->process_table);
	stacks_free(&t->stacks);
	words_free(&t->words);
	free(t);
}

void figures_add(struct figures *into, const struct figures *from)
{
	into->count += from->count;
	into->unread += from->unread;
	into->unsent += from->unsent;
	into->destroyed += from->destroyed;
	into->saved += from->saved;
	into->drained += from->drained;
	for (unsigned i = 0; i < LINE_OUTCOMES; i++)
		into->outcomes[i] += from->outcomes[i];
	for (unsigned i = 0; i < LINE_ACTIONS; i++)
		into->actions[i] += from->actions[i];
}

uint64_t tally_process_hash(const struct line *l)
{
	return hash_number(
		hash_number(hash_span(hash_span(HASH_START, l->host), l->boot_id), l->pid),
		l->start);
}

static int index_of(struct span s, const char *const *names, int count)
{
	for (int i = 0; i < count; i++) {
		if (span_is(s, names[i]))
			return i;
	}
	return -1;
}

static int outcome_of(struct span s)
{
	return index_of(s, outcome_names, OUTCOME_COUNT);
}

static bool ends_lingering(int outcome)
{
	return outcome == OUTCOME_AVERTED || outcome == OUTCOME_DELIVERED ||
		outcome == OUTCOME_EXPIRED || outcome == OUTCOME_FAILED;
}

static bool destroys(int outcome)
{
	return outcome == OUTCOME_RESET || outcome == OUTCOME_EXPIRED ||
		outcome == OUTCOME_FAILED || outcome == OUTCOME_SEEN;
}

void tally_widen(int64_t *first, int64_t *last, int64_t us)
{
	if (us == LINE_UNKNOWN)
		return;
	if (*first == LINE_UNKNOWN || us < *first)
		*first = us;
	if (us > *last)
		*last = us;
}

static void count_event(struct part *p, const struct line *l, int outcome, uint64_t count)
{
	struct figures *f = &p->told;
	int action = index_of(l->action, action_names, ACTION_COUNT);
	uint64_t output =
		span_is(l->harm, "output-lost") || outcome == OUTCOME_SEEN ? l->unsent : 0;

	p->held += count - 1;
	f->count += count;
	f->unread += l->unread;
	f->unsent += l->unsent;
	f->drained += l->drained;
	if (action >= 0)
		f->actions[action]++;
	if (outcome < 0)
		return;
	f->outcomes[outcome]++;
	if (destroys(outcome))
		f->destroyed += output;
	if (outcome == OUTCOME_AVERTED || outcome == OUTCOME_DELIVERED)
		f->saved += output;
}

/* Of several the earliest, whichever thread has read it. */
void tally_take_armed(
	struct tally *t, struct site *s, struct span op, struct span id, int64_t time_us)
{
	if (!id.len || (*s->armed_id && s->armed_us <= time_us))
		return;
	s->armed_op = words_keep(&t->words, op);
	s->armed_id = words_keep(&t->words, id);
	s->armed_us = time_us;
}

static void describe_site(struct tally *t, struct site *s, const struct line *l, uint64_t count)
{
	tally_widen(&s->first_us, &s->last_us, l->time_us);
	if (l->time_us != LINE_UNKNOWN)
		timeline_add(&s->timeline, l->time_us / 1000000, count);
	peers_add(&s->peers, l->peer, count);
	if (l->role.len)
		s->roles[span_is(l->role, "client")] += count;
	tally_take_armed(t, s, l->armed_by.op, l->armed_by.stack_id, l->time_us);
}

/*
 * A close that is told as lingering is counted when its end is told. What the rate has held back
 * since the line before stands in its count, too.
 */
static void take_event(struct tally *t, const struct line *l, uint64_t process, struct moment *m)
{
	struct site_key key = {l->pattern, l->op, l->program, l->stack.stack_id};
	uint32_t site = tally_site(t, &key);
	struct part *p = tally_part(t, process, site);
	int outcome = outcome_of(l->outcome);
	uint64_t count = l->count ? l->count : 1, now = count;

	t->events++;
	stacks_add(&t->stacks, &t->words, &l->stack, l);
	stacks_add(&t->stacks, &t->words, &l->armed_by, l);
	if (outcome == OUTCOME_LINGERING || ends_lingering(outcome)) {
		m->begins = outcome == OUTCOME_LINGERING;
		m->part = (uint32_t)(p - t->parts);
		if (l->sock)
			m->key = hash_number(hash_number(process, l->netns), l->sock);
	}
	if (outcome == OUTCOME_LINGERING) {
		p->held += count - 1;
		p->told.count += count - 1;
		now = count - 1;
	} else {
		count_event(p, l, outcome, count);
	}
	describe_site(t, &t->sites[site], l, now);
}

/* A later summary replaces an earlier one; the lines of a long one have the same time. */
void tally_take_site(struct part *p, const struct figures *f, int64_t time_us)
{
	if (time_us < p->summed_us)
		return;
	if (time_us > p->summed_us)
		p->summed = (struct figures){0};
	p->summed_us = time_us;
	figures_add(&p->summed, f);
}

void tally_take_lost(struct process *p, uint64_t lost, int64_t time_us)
{
	if (time_us < p->lost_us)
		return;
	p->lost = lost;
	p->lost_us = time_us;
}

static void take_summary(struct tally *t, const struct line *l, uint64_t process)
{
	tally_take_lost(tally_process(t, process), l->lost, l->time_us);
	for (size_t i = 0; i < l->site_count; i++) {
		const struct line_site *s = &l->sites[i];
		struct site_key key = {s->pattern, s->op, l->program, s->stack_id};

		tally_take_site(
			tally_part(t, process, tally_site(t, &key)), &s->figures, l->time_us);
	}
}

/* Codes are few; a log that has more is not the shim's. */
#define NOTICES 256

static struct notice *notice_of(struct tally *t, const char *code)
{
	for (size_t i = 0; i < t->notice_count; i++) {
		if (t->notices[i].code == code || i == NOTICES)
			return &t->notices[i];
	}
	t->notices = memory_grow(t->notices, t->notice_count, &t->notice_room, sizeof(*t->notices));
	t->notices[t->notice_count] = (struct notice){.code = code, .text = ""};
	return &t->notices[t->notice_count++];
}

void tally_take_notice(
	struct tally *t, struct span code, struct span text, uint64_t count, int64_t time_us)
{
	struct notice *n = notice_of(t, words_keep(&t->words, code));

	if (n->count == 0 || time_us < n->time_us) {
		n->text = words_keep(&t->words, text);
		n->time_us = time_us;
	}
	n->count += count;
}

void tally_line(struct tally *t, const struct line *l, struct moment *m)
{
	uint64_t process;

	*m = (struct moment){0, 0, false};
	if (l->kind == LINE_CLOSE) /* of RSTFIX_CLOSES: nothing was reset by it */
		return;
	tally_widen(&t->first_us, &t->last_us, l->time_us);
	if (l->kind == LINE_OTHER) {
		t->bad++;
		return;
	}
	process = tally_process_hash(l);
	tally_process(t, process);
	if (l->kind == LINE_RST)
		take_event(t, l, process, m);
	else if (l->kind == LINE_SUMMARY)
		take_summary(t, l, process);
	else
		tally_take_notice(t, l->code, l->text, 1, l->time_us);
}
