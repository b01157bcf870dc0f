/* SPDX-License-Identifier: MIT */
#include "prometheus.h"

#include "base/format.h"
#include "say.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRAM, PATTERN, OP, ACTION, OUTCOME, STATE = PATTERN, LABELS = 5 };

struct sample {
	const char *labels[LABELS];
	uint64_t value;
};

struct samples {
	struct sample *list;
	size_t count, room;
	bool failed;
};

static void put(struct samples *s, struct sample one)
{
	struct sample *list;

	if (s->count == s->room) {
		size_t room = s->room ? s->room * 2 : 256;

		list = realloc(s->list, room * sizeof(*list));
		if (!list) {
			s->failed = true;
			return;
		}
		s->list = list;
		s->room = room;
	}
	s->list[s->count++] = one;
}

static void put_events(struct samples *s, const struct stats_process *p)
{
	for (size_t i = 0; i < p->sites_count; i++) {
		const struct stats_callsite *c = &p->sites[i];

		for (size_t k = 0; k < p->actions_count * p->outcomes_count; k++) {
			if (c->counts[k])
				put(s,
					(struct sample){{p->program, c->pattern, c->op,
								p->actions[k / p->outcomes_count],
								p->outcomes[k % p->outcomes_count]},
						c->counts[k]});
		}
	}
}

#define PUT_SITES(name, value_of) \
	static void put_##name(struct samples *s, const struct stats_process *p) \
	{ \
		for (size_t i = 0; i < p->sites_count; i++) { \
			const struct stats_callsite *c = &p->sites[i]; \
\
			put(s, (struct sample){{p->program, c->pattern, c->op}, value_of}); \
		} \
	}

PUT_SITES(unread, c->unread)
PUT_SITES(unsent, c->unsent)
PUT_SITES(lost_output, c->lost)
PUT_SITES(saved, c->saved)
PUT_SITES(drained, c->drained)
PUT_SITES(lingered, c->lingered_ms)

static void put_lost(struct samples *s, const struct stats_process *p)
{
	put(s, (struct sample){{p->program}, p->lost_lines});
}

static void put_unplaced(struct samples *s, const struct stats_process *p)
{
	put(s, (struct sample){{p->program}, p->unplaced});
}

static void put_life(struct samples *s, const struct stats_process *p)
{
	static const char *const names[] = {
		[STATS_RUNNING] = "running", [STATS_ENDED] = "ended", [STATS_UNKNOWN] = "unknown"};

	put(s, (struct sample){{p->program, names[p->life]}, 1});
}

static const char *const by_call[] = {"program", "pattern", "op", "action", "outcome"};
static const char *const by_state[] = {"program", "state"};

static const struct metric {
	const char *name, *type, *help;
	const char *const *labels;
	void (*put)(struct samples *s, const struct stats_process *p);
	bool milli; /* the value is in thousandths */
} metrics[] = {
	{"rstfix_events_total", "counter",
		"Moments at which the program made TCP send RST, would have, or was told of one.",
		by_call, put_events, false},
	{"rstfix_unread_bytes_total", "counter", "Bytes received and never read by the program.",
		by_call, put_unread, false},
	{"rstfix_unsent_bytes_total", "counter",
		"Bytes of output that were not acknowledged, and at stake.", by_call, put_unsent,
		false},
	{"rstfix_lost_bytes_total", "counter", "Bytes of that output that resets have destroyed.",
		by_call, put_lost_output, false},
	{"rstfix_saved_bytes_total", "counter", "Bytes of that output that a mend has delivered.",
		by_call, put_saved, false},
	{"rstfix_drained_bytes_total", "counter", "Bytes read and thrown away by mends.", by_call,
		put_drained, false},
	{"rstfix_linger_seconds_total", "counter", "How long mended sockets have lingered.",
		by_call, put_lingered, true},
	{"rstfix_lost_lines_total", "counter", "Lines of the log that could not be written.",
		by_call, put_lost, false},
	{"rstfix_unplaced_events_total", "counter",
		"Events whose callsite found no room in the counter file.", by_call, put_unplaced,
		false},
	{"rstfix_processes", "gauge", "Counter files, by what became of their process.", by_state,
		put_life, false},
};

static int compare(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;
	int order = 0;

	for (size_t i = 0; i < LABELS && x->labels[i] && order == 0; i++)
		order = strcmp(x->labels[i], y->labels[i]);
	return order;
}

/*
 * Bytes that are no text become \xNN, so that a backslash of the name's own is doubled: two names never
 * look the same, which would spoil the whole file. Then a backslash and a quote are escaped.
 */
static void print_value(FILE *out, const char *value)
{
	char doubled[256], safe[1024];
	struct text d = text_on(doubled, sizeof(doubled)), t = text_on(safe, sizeof(safe));

	for (; *value; value++) {
		if (*value == '\\')
			text_char(&d, '\\');
		text_char(&d, *value);
	}
	text_safe(&t, text_end(&d));
	for (value = text_end(&t); *value; value++) {
		if (*value == '"' || *value == '\\')
			putc('\\', out);
		putc(*value, out);
	}
}

static void print_sample(FILE *out, const struct metric *m, const struct sample *s, uint64_t sum)
{
	fprintf(out, "%s{", m->name);
	for (size_t i = 0; i < LABELS && s->labels[i]; i++) {
		fprintf(out, "%s%s=\"", i ? "," : "", m->labels[i]);
		print_value(out, s->labels[i]);
		putc('"', out);
	}
	if (m->milli)
		fprintf(out, "} %" PRIu64 ".%03u\n", sum / 1000, (unsigned)(sum % 1000));
	else
		fprintf(out, "} %" PRIu64 "\n", sum);
}

static void print_sums(FILE *out, const struct metric *m, struct samples *s)
{
	uint64_t sum = 0;

	if (s->count)
		qsort(s->list, s->count, sizeof(*s->list), compare);
	for (size_t i = 0; i < s->count; i++) {
		sum += s->list[i].value;
		if (i + 1 < s->count && compare(&s->list[i], &s->list[i + 1]) == 0)
			continue;
		print_sample(out, m, &s->list[i], sum);
		sum = 0;
	}
}

bool prometheus_write(FILE *out, const struct stats_folder *f)
{
	struct samples s = {0};

	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		const struct metric *m = &metrics[i];

		s.count = 0;
		for (size_t k = 0; k < f->count; k++)
			m->put(&s, &f->list[k]);
		fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
		print_sums(out, m, &s);
	}
	fprintf(out,
		"# HELP rstfix_unreadable_files Files with a counter file's name that are none.\n"
		"# TYPE rstfix_unreadable_files gauge\n"
		"rstfix_unreadable_files %zu\n",
		f->unreadable);
	free(s.list);
	return !s.failed;
}

int prometheus_print(FILE *out, const char *command, const char *dir)
{
	struct stats_folder f;
	const char *why = stats_folder_read(&f, dir);
	bool written;

	if (why) {
		say(command, "%s: %s; a folder of counter files is wanted (RSTFIX_STATS)", dir,
			why);
		return EXIT_REFUSED;
	}
	written = prometheus_write(out, &f) && fflush(out) == 0 && !ferror(out);
	stats_folder_free(&f);
	if (!written)
		say(command, "the figures could not be written");
	return written ? 0 : 1;
}
