/* SPDX-License-Identifier: MIT */
#include "read.h"

#include "counters.h"
#include "stream.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Blocks that one thread may have read while another is still at one before. */
#define AHEAD 64

/* What a block has told, until its turn comes. */
struct told {
	bool ready;
	struct tally *tally;
	struct moment *moments;
	size_t count, room;
};

struct reading {
	struct input *in;
	pthread_mutex_t input_lock, order_lock;
	pthread_cond_t turn;
	uint64_t turn_of; /* the number of the block whose moments come next */
	struct told told[AHEAD];
	struct pending pending;
	int64_t began_ms, shown_ms;
	bool shows;
};

struct worker {
	struct reading *all;
	struct tally *tally;
	struct line_reader *reader;
	struct line line;
	struct block block;
	struct told told; /* of the block */
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* At most five times a second, and not in the first second. */
static void show_progress(struct reading *r)
{
	const struct input *in = r->in;
	uint64_t done = in->done + (in->stream ? stream_position(in->stream) : 0);
	int64_t now = now_ms();

	if (!r->shows || now - r->began_ms < 1000 || now - r->shown_ms < 200)
		return;
	r->shown_ms = now;
	if (in->size)
		fprintf(stderr, "\rrstfix report: %3u %% of %llu MB",
			(unsigned)(100 * (done < in->size ? done : in->size) / in->size),
			(unsigned long long)in->size >> 20);
	else
		fprintf(stderr, "\rrstfix report: %llu MB", (unsigned long long)done >> 20);
}

static bool next_block(struct worker *w)
{
	bool got;

	pthread_mutex_lock(&w->all->input_lock);
	got = input_next(w->all->in, &w->block);
	show_progress(w->all);
	pthread_mutex_unlock(&w->all->input_lock);
	return got;
}

static bool is_blank(const char *text, size_t len)
{
	return strspn(text, " \t\r\n") >= len;
}

static void keep_moment(struct told *told, const struct moment *m)
{
	if (!m->key)
		return;
	told->moments = memory_grow(told->moments, told->count, &told->room, sizeof(*m));
	told->moments[told->count++] = *m;
}

static void take_line(struct worker *w, const char *text, size_t len, bool whole)
{
	struct moment m;

	if (is_blank(text, len))
		return;
	w->tally->lines++;
	if (line_read(w->reader, &w->line, text, len)) {
		tally_line(w->tally, &w->line, &m);
		keep_moment(&w->told, &m);
	} else if (whole) {
		w->tally->bad++;
	} else {
		w->tally->truncated++;
	}
}

static void take_block(struct worker *w)
{
	char *at = w->block.text, *end = at + w->block.len, *newline;

	memset(end, 0, LINE_ROOM);
	w->told.count = 0;
	for (; (newline = memchr(at, '\n', (size_t)(end - at))); at = newline + 1)
		take_line(w, at, (size_t)(newline - at), true);
	if (at < end)
		take_line(w, at, (size_t)(end - at), false);
}

static void apply(struct reading *r, struct told *told)
{
	for (size_t i = 0; i < told->count; i++) {
		const struct moment *m = &told->moments[i];

		if (m->begins)
			pending_begin(&r->pending, m->key, told->tally, m->part);
		else
			pending_end(&r->pending, m->key);
	}
	told->ready = false;
}

/*
 * Closes begin to linger and end in the order of the log, whichever thread has read them: the block
 * whose turn it is takes along those behind it that are ready.
 */
static void apply_in_turn(struct worker *w)
{
	struct reading *r = w->all;
	struct told *place = &r->told[w->block.number % AHEAD], was;

	pthread_mutex_lock(&r->order_lock);
	while (w->block.number - r->turn_of >= AHEAD)
		pthread_cond_wait(&r->turn, &r->order_lock);
	was = *place;
	*place = w->told;
	place->ready = true;
	place->tally = w->tally;
	w->told = was; /* its room */
	for (; r->told[r->turn_of % AHEAD].ready; r->turn_of++)
		apply(r, &r->told[r->turn_of % AHEAD]);
	pthread_cond_broadcast(&r->turn);
	pthread_mutex_unlock(&r->order_lock);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	while (next_block(w)) {
		take_block(w);
		apply_in_turn(w);
	}
	return NULL;
}

static struct worker *worker_new(struct reading *r)
{
	struct worker *w = memory_get(1, sizeof(*w));

	w->all = r;
	w->tally = tally_new();
	w->reader = line_reader_new();
	return w;
}

/* The tally is kept. */
static void worker_free(struct worker *w)
{
	line_reader_free(w->reader);
	free(w->block.text);
	free(w->told.moments);
	free(w);
}

static unsigned threads_wanted(const struct input *in)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (in->size > 0 && in->size < 4 << 20)
		return 1;
	return n < 1 ? 1 : n > READ_THREADS ? READ_THREADS : (unsigned)n;
}

/* What still lingers where the log ends is told by nothing else. */
static void count_pending(const struct pending *p)
{
	for (size_t i = 0; i < p->size; i++) {
		const struct pending_close *c = &p->slots[i];

		if (c->key)
			((struct tally *)c->tally)->parts[c->part].lingering++;
	}
}

struct tally *read_tally(struct input *in)
{
	struct reading r = {.in = in,
		.input_lock = PTHREAD_MUTEX_INITIALIZER,
		.order_lock = PTHREAD_MUTEX_INITIALIZER,
		.turn = PTHREAD_COND_INITIALIZER,
		.began_ms = now_ms(),
		.shows = isatty(STDERR_FILENO)};
	struct worker *workers[READ_THREADS];
	pthread_t threads[READ_THREADS];
	unsigned wanted = threads_wanted(in), n;
	struct tally *sum;

	for (n = 0; n < wanted; n++) {
		workers[n] = worker_new(&r);
		if (n && pthread_create(&threads[n], NULL, work, workers[n]) != 0) {
			tally_free(workers[n]->tally);
			worker_free(workers[n]);
			break;
		}
	}
	work(workers[0]);
	for (unsigned i = 1; i < n; i++)
		pthread_join(threads[i], NULL);
	count_pending(&r.pending);
	pending_free(&r.pending);
	for (unsigned i = 0; i < AHEAD; i++)
		free(r.told[i].moments);
	sum = workers[0]->tally;
	sum->bad += in->bad;
	for (unsigned i = 0; i < n; i++) {
		if (i) {
			tally_merge(sum, workers[i]->tally);
			tally_free(workers[i]->tally);
		}
		worker_free(workers[i]);
	}
	if (r.shown_ms)
		fputs("\r\033[K", stderr);
	counters_add(sum, in);
	tally_end(sum);
	return sum;
}

uint64_t read_lines(struct input *in, read_each *each, void *arg)
{
	struct line_reader *reader = line_reader_new();
	struct line *line = memory_get(1, sizeof(*line));
	struct block b = {.text = NULL};
	uint64_t number, bad = 0;
	char *at, *end, *newline;

	while (input_next(in, &b)) {
		end = b.text + b.len;
		memset(end, 0, LINE_ROOM);
		number = b.first_line;
		for (at = b.text; at < end; at = newline + 1, number++) {
			newline = memchr(at, '\n', (size_t)(end - at));
			newline = newline ? newline : end;
			if (line_read(reader, line, at, (size_t)(newline - at)))
				each(arg, line, in->files[b.file].path, number);
			else
				bad += !is_blank(at, (size_t)(newline - at));
		}
	}
	line_reader_free(reader);
	free(line);
	free(b.text);
	return bad + in->bad;
}
