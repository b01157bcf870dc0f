/* SPDX-License-Identifier: MIT */
#include "kernel.h"

#include "blame.h"
#include "callsites.h"
#include "netns.h"
#include "say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* For a RST that answers a packet still under way. */
#define SETTLE_US 100000

#define SHOWN 50

/* Those that nothing in the log explains, by connection. */
struct unknown {
	unsigned long long count;
	unsigned connections;
	struct {
		struct traced_reset first;
		unsigned long long count;
	} list[SHOWN];
};

/* A line of code, and how many RSTs are laid to it. */
struct culprit {
	char pattern[24], stack_id[40];
	unsigned long long rsts;
};

struct report {
	struct blame *blame;
	int64_t epoch; /* microseconds between CLOCK_MONOTONIC and the epoch */
	unsigned long long by[BLAME_UNKNOWN + 1];
	unsigned long long all;
	struct culprit *culprits;
	size_t culprit_count, culprit_room;
	/* near: sent in the command's time, or with an address that the log knows; far: all others */
	struct unknown near, far;
	struct traced_reset *own; /* what was sent in the command's time, sorted by addresses */
	size_t own_count, own_room;
	bool told; /* each late one could be written */
};

void kernel_begin(struct kernel *k)
{
	struct netns_counters c;

	setenv("RSTFIX_CLOSES", "1", 1);
	setenv("RSTFIX_RATE", "1000000", 0);
	k->error = tracer_open(&k->tracer, false) ? 0 : errno;
	if (!k->error)
		tracer_open(&k->children, true);
	k->counted = netns_count(&c);
	k->counter = c.out_rsts;
}

static int64_t clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void lay_to(struct report *r, const char *pattern, const char *stack_id)
{
	struct culprit *c;

	for (size_t i = 0; i < r->culprit_count; i++) {
		c = &r->culprits[i];
		if (strcmp(c->pattern, pattern) == 0 && strcmp(c->stack_id, stack_id) == 0) {
			c->rsts++;
			return;
		}
	}
	if (r->culprit_count == r->culprit_room) {
		size_t room = r->culprit_room ? 2 * r->culprit_room : 64;

		c = realloc(r->culprits, room * sizeof(*c));
		if (!c)
			return;
		r->culprits = c;
		r->culprit_room = room;
	}
	c = &r->culprits[r->culprit_count++];
	*c = (struct culprit){.rsts = 1};
	snprintf(c->pattern, sizeof(c->pattern), "%s", pattern);
	snprintf(c->stack_id, sizeof(c->stack_id), "%s", stack_id);
}

static int by_addresses(const void *a, const void *b)
{
	const struct traced_reset *x = a, *y = b;
	int order = strcmp(x->source, y->source);

	return order ? order : strcmp(x->destination, y->destination);
}

static bool keep_own(void *arg, const struct traced_reset *t)
{
	struct report *r = arg;

	if (t->interrupted)
		return true;
	if (r->own_count == r->own_room) {
		size_t room = r->own_room ? 2 * r->own_room : 64;
		struct traced_reset *own = realloc(r->own, room * sizeof(*own));

		if (!own)
			return false;
		r->own = own;
		r->own_room = room;
	}
	r->own[r->own_count++] = *t;
	return true;
}

static void add_unknown(struct unknown *u, const struct traced_reset *t)
{
	u->count++;
	for (unsigned i = 0; i < u->connections; i++) {
		if (by_addresses(&u->list[i].first, t) == 0) {
			u->list[i].count++;
			return;
		}
	}
	if (u->connections == SHOWN)
		return;
	u->list[u->connections].first = *t;
	u->list[u->connections++].count = 1;
}

static void take_unknown(struct report *r, const struct traced_reset *t)
{
	bool near = blame_knows(r->blame, t->source) || blame_knows(r->blame, t->destination) ||
		(r->own_count && bsearch(t, r->own, r->own_count, sizeof(*t), by_addresses));

	add_unknown(near ? &r->near : &r->far, t);
}

static bool judge_one(void *arg, const struct traced_reset *t)
{
	struct report *r = arg;
	struct blame_entry *entry;
	int64_t time_us = t->time_us + r->epoch;
	enum blame_verdict verdict = blame_find(r->blame, t, time_us, &entry);

	r->all++;
	r->by[verdict]++;
	if (verdict == BLAME_UNKNOWN)
		take_unknown(r, t);
	if (verdict == BLAME_TOLD)
		lay_to(r, entry->pattern, entry->stack_id);
	if (verdict == BLAME_LATE) {
		lay_to(r, blame_late_pattern(entry), entry->stack_id);
		r->told &= blame_tell_late(r->blame, entry, time_us);
	}
	return true;
}

static void print_culprit(const struct callsites *seen, const struct culprit *c)
{
	for (size_t i = 0; i < callsites_count(seen); i++) {
		const struct callsite_seen *s = callsites_at(seen, i);

		if (strcmp(s->pattern, c->pattern) != 0 || strcmp(s->stack_id, c->stack_id) != 0)
			continue;
		say("run", "%llu by %s, %s() in %s, stack %s", c->rsts, c->pattern, s->op,
			s->program, *s->stack_id ? s->stack_id : "unknown");
		callsites_print_frames(s, stderr);
		return;
	}
}

/* The log again: late ones stand in it as events now. */
static void print_culprits(const struct report *r, const char *log)
{
	struct callsites *seen = callsites_new();

	if (seen && callsites_read(seen, log)) {
		for (size_t i = 0; i < r->culprit_count; i++)
			print_culprit(seen, &r->culprits[i]);
	}
	callsites_free(seen);
}

static void list_unknown(const struct unknown *u)
{
	unsigned long long left = u->count;

	for (unsigned i = 0; i < u->connections; i++) {
		const struct traced_reset *t = &u->list[i].first;

		left -= u->list[i].count;
		say("run", "unexplained: %s > %s, %llu RST%s, first in %s%s%s, while %s[%d] ran",
			t->source, t->destination, u->list[i].count,
			u->list[i].count == 1 ? "" : "s", t->state, *t->reason ? ", " : "",
			t->reason, t->program, t->pid);
	}
	if (left)
		say("run", "and %llu more, of other connections", left);
}

/*
 * The trace is the whole machine's, the counter that of this network namespace: what was traced beyond
 * the count was sent in another one. Not what the command itself has sent from another one.
 */
static unsigned long long foreign(const struct kernel *k, const struct report *r, uint64_t counted)
{
	unsigned long long explained = r->all - r->by[BLAME_UNKNOWN];
	unsigned long long beyond = counted < r->all ? r->all - counted : 0;

	if (!k->counted || counted < explained)
		return 0;
	return beyond < r->far.count ? beyond : r->far.count;
}

static void print_unknown(const struct report *r, unsigned long long elsewhere)
{
	if (r->by[BLAME_UNKNOWN] <= elsewhere)
		return;
	list_unknown(&r->near);
	if (r->far.count <= elsewhere)
		return;
	if (elsewhere)
		say("run", "%llu of those that follow were sent in another network namespace",
			elsewhere);
	list_unknown(&r->far);
}

static void print_untraced(const struct kernel *k, const struct report *r, uint64_t counted)
{
	unsigned long long lost = tracer_lost(&k->tracer);

	if (lost)
		say("run", "%llu more were sent than the kernel's buffer holds", lost);
	if (k->counted && counted > r->all)
		say("run",
			"%llu more were counted in this network namespace and not traced (before "
			"Linux 6.10 that is so of those that no socket sends)",
			(unsigned long long)counted - r->all);
}

static void add_sum(char *line, size_t size, unsigned long long n, const char *what)
{
	size_t used = strlen(line);

	if (n)
		snprintf(line + used, size - used, "%s%llu %s", used ? ", " : "", n, what);
}

static void print_sums(const struct report *r, unsigned long long elsewhere)
{
	unsigned long long sent = r->all - elsewhere;
	char line[512] = "";

	add_sum(line, sizeof(line), r->by[BLAME_TOLD], "told by events");
	add_sum(line, sizeof(line), r->by[BLAME_LATE], "late");
	add_sum(line, sizeof(line), r->by[BLAME_IGNORED], "ignored by rules");
	add_sum(line, sizeof(line), r->by[BLAME_PEER], "from the other end");
	add_sum(line, sizeof(line), r->by[BLAME_ANSWER],
		"from listeners, to what was under way to dead connections");
	add_sum(line, sizeof(line), r->by[BLAME_UNKNOWN] - elsewhere, "unexplained");
	say("run", "the kernel has sent %llu RST%s%s%s", sent, sent == 1 ? "" : "s",
		*line ? ": " : "", line);
}

static void report_traced(struct kernel *k, struct report *r, const char *log, uint64_t counted)
{
	unsigned long long elsewhere;

	r->told = true;
	if (*k->children.directory)
		tracer_each(&k->children, keep_own, r);
	if (r->own_count)
		qsort(r->own, r->own_count, sizeof(*r->own), by_addresses);
	if (!tracer_each(&k->tracer, judge_one, r)) {
		say("run", "the trace cannot be read: %s", strerror(errno));
		return;
	}
	elsewhere = foreign(k, r, counted);
	print_sums(r, elsewhere);
	print_culprits(r, log);
	print_unknown(r, elsewhere);
	print_untraced(k, r, counted);
	if (!r->told)
		say("run", "not all late ones could be written to the log: %s", strerror(errno));
}

/* Events that were to make the kernel send RST. */
static unsigned long long count_told(const char *log)
{
	struct callsites *seen = callsites_new();
	unsigned long long told = 0;

	if (seen && callsites_read(seen, log)) {
		for (size_t i = 0; i < callsites_count(seen); i++)
			told += callsites_at(seen, i)->resets;
	}
	callsites_free(seen);
	return told;
}

static void report_counted(const struct kernel *k, const char *log, uint64_t counted)
{
	unsigned long long told = count_told(log);

	say("run", "no RST can be traced (%s): that takes root, and tracefs", strerror(k->error));
	if (k->counted)
		say("run",
			"the kernel has counted %llu RST%s in this network namespace, by whichever "
			"program; %llu %s told by events, so %llu %s unexplained",
			(unsigned long long)counted, counted == 1 ? "" : "s", told,
			told == 1 ? "is" : "are", counted > told ? counted - told : 0,
			counted - told == 1 ? "is" : "are");
}

void kernel_stop(struct kernel *k)
{
	tracer_close(&k->children);
	tracer_close(&k->tracer);
}

void kernel_end(struct kernel *k, const char *log)
{
	static struct report r;
	struct netns_counters c;

	usleep(SETTLE_US);
	k->counted = netns_count(&c) && k->counted;
	r.epoch = clock_us(CLOCK_REALTIME) - clock_us(CLOCK_MONOTONIC);
	if (k->error) {
		report_counted(k, log, c.out_rsts - k->counter);
		return;
	}
	r.blame = blame_new(log);
	if (r.blame)
		report_traced(k, &r, log, c.out_rsts - k->counter);
	else
		say("run", "%s: %s: no RST can be explained", log, strerror(errno));
	blame_free(r.blame);
	free(r.culprits);
	free(r.own);
	kernel_stop(k);
}
