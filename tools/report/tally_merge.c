/* SPDX-License-Identifier: MIT */
#include "tally_find.h"

#include <stdlib.h>
#include <string.h>

static void merge_site(struct tally *t, struct site *s, const struct site *from)
{
	tally_widen(&s->first_us, &s->last_us, from->first_us);
	tally_widen(&s->first_us, &s->last_us, from->last_us);
	s->roles[0] += from->roles[0];
	s->roles[1] += from->roles[1];
	peers_merge(&s->peers, &from->peers);
	timeline_merge(&s->timeline, &from->timeline);
	tally_take_armed(t, s, span_of(from->armed_op), span_of(from->armed_id), from->armed_us);
}

static void merge_part(struct tally *t, const struct part *from, uint32_t site)
{
	struct part *p = tally_part(t, from->process, site);

	figures_add(&p->told, &from->told);
	p->held += from->held;
	p->lingering += from->lingering;
	tally_take_site(p, &from->summed, from->summed_us);
}

void tally_merge(struct tally *into, const struct tally *from)
{
	uint32_t *site = memory_get(from->site_count, sizeof(*site));

	for (size_t i = 0; i < from->site_count; i++) {
		const struct site *s = &from->sites[i];
		struct site_key key = {span_of(s->pattern), span_of(s->op), span_of(s->program),
			span_of(s->stack_id)};

		site[i] = tally_site(into, &key);
		merge_site(into, &into->sites[site[i]], s);
	}
	for (size_t i = 0; i < from->part_count; i++)
		merge_part(into, &from->parts[i], site[from->parts[i].site]);
	free(site);
	for (size_t i = 0; i < from->process_count; i++)
		tally_take_lost(tally_process(into, from->processes[i].hash),
			from->processes[i].lost, from->processes[i].lost_us);
	for (size_t i = 0; i < from->notice_count; i++)
		tally_take_notice(into, span_of(from->notices[i].code),
			span_of(from->notices[i].text), from->notices[i].count,
			from->notices[i].time_us);
	stacks_merge(&into->stacks, &into->words, &from->stacks);
	into->lines += from->lines;
	into->events += from->events;
	into->bad += from->bad;
	into->truncated += from->truncated;
	tally_widen(&into->first_us, &into->last_us, from->first_us);
	tally_widen(&into->first_us, &into->last_us, from->last_us);
}

/* What an exact count of the process says, or what its lines say. */
static void add_part(struct site *s, const struct part *p)
{
	bool summed = p->summed.count && p->summed.count >= p->told.count;

	figures_add(&s->sum, summed ? &p->summed : &p->told);
	s->sources[!summed ? BY_LINES : p->counters ? BY_COUNTERS : BY_SUMMARY]++;
	for (unsigned i = 0; summed && !p->counters && i < LINE_ACTIONS; i++)
		s->sum.actions[i] += p->told.actions[i];
	if (summed)
		return;
	s->sum.count += p->lingering;
	s->sum.outcomes[OUTCOME_LINGERING] += p->lingering;
	s->held += p->held;
}

static int by_loss(const void *a, const void *b)
{
	const struct site *s = a, *t = b;
	int order;

	if (s->sum.destroyed != t->sum.destroyed)
		return s->sum.destroyed > t->sum.destroyed ? -1 : 1;
	if (s->sum.count != t->sum.count)
		return s->sum.count > t->sum.count ? -1 : 1;
	order = strcmp(s->stack_id, t->stack_id);
	order = order ? order : strcmp(s->pattern, t->pattern);
	order = order ? order : strcmp(s->op, t->op);
	return order ? order : strcmp(s->program, t->program);
}

void tally_end(struct tally *t)
{
	for (size_t i = 0; i < t->part_count; i++)
		add_part(&t->sites[t->parts[i].site], &t->parts[i]);
	for (size_t i = 0; i < t->process_count; i++)
		t->lost += t->processes[i].lost;
	for (size_t i = 0; i < t->site_count; i++)
		peers_sort(&t->sites[i].peers);
	if (t->site_count)
		qsort(t->sites, t->site_count, sizeof(*t->sites), by_loss);
	t->part_count = 0;
}

void tally_timeline(struct tally *t, struct timeline *all)
{
	*all = (struct timeline){.counts = NULL};
	for (size_t i = 0; i < t->site_count; i++)
		timeline_merge(all, &t->sites[i].timeline);
	for (size_t i = 0; i < t->site_count; i++)
		timeline_widen(&t->sites[i].timeline, all->shift);
}
