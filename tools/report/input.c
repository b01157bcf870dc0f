/* SPDX-License-Identifier: MIT */
#include "input.h"

#include "counters.h"
#include "stream.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A block holds many lines of the shim's, which are at most 48 kB. Longer ones are not its. */
#define BLOCK	    ((size_t)1024 * 1024)
#define FIRST_LINES 64 /* of a file are asked for its time */

static int64_t time_of_first_line(char *text, size_t len)
{
	struct line_reader *r = line_reader_new();
	struct line *l = memory_get(1, sizeof(*l));
	int64_t us = LINE_UNKNOWN;
	char *end;

	for (unsigned i = 0; r && i < FIRST_LINES && us == LINE_UNKNOWN; i++) {
		end = memchr(text, '\n', len);
		if (!end)
			break;
		if (line_read(r, l, text, (size_t)(end - text)))
			us = l->time_us;
		len -= (size_t)(end + 1 - text);
		text = end + 1;
	}
	line_reader_free(r);
	free(l);
	return us;
}

/* False with errno. */
static bool look_at(struct input_file *f)
{
	struct stream *s = stream_open(f->path);
	char *text;
	const char *why;
	ssize_t n;

	if (!s)
		return false;
	text = memory_get(BLOCK + LINE_ROOM, 1);
	n = stream_read(s, text, BLOCK, &why);
	f->first_us = n > 0 ? time_of_first_line(text, (size_t)n) : LINE_UNKNOWN;
	free(text);
	stream_close(s);
	return true;
}

static bool add_file(struct input *in, const char *path)
{
	struct input_file f = {.first_us = LINE_UNKNOWN};
	struct stat st;

	if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
		f.size = (uint64_t)st.st_size;
		f.owner = st.st_uid;
	}
	f.path = memory_text(span_of(path));
	f.counters = f.size && counters_is(path);
	/* What is a pipe can be read only once. */
	if (f.size && !f.counters && !look_at(&f)) {
		int error = errno;

		free(f.path);
		errno = error;
		return false;
	}
	in->files = memory_grow(in->files, in->count, &in->room, sizeof(*in->files));
	in->files[in->count++] = f;
	in->size += f.counters ? 0 : f.size;
	return true;
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* The files in it; folders in it are left out. */
static bool add_folder(struct input *in, const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, visible, alphasort);
	struct stat st;

	for (int i = 0; i < n; i++) {
		char *file = memory_print("%s/%s", path, entries[i]->d_name);

		if (stat(file, &st) == 0 && S_ISREG(st.st_mode) && !add_file(in, file)) {
			in->files =
				memory_grow(in->files, in->count, &in->room, sizeof(*in->files));
			in->files[in->count++] =
				(struct input_file){.path = memory_text(span_of(file)),
					.first_us = LINE_UNKNOWN,
					.why = memory_text(span_of(strerror(errno)))};
		}
		free(file);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return n >= 0;
}

bool input_add(struct input *in, const char *path)
{
	struct stat st;

	if (strcmp(path, "-") == 0)
		return add_file(in, path);
	if (stat(path, &st) != 0 || access(path, R_OK) != 0)
		return false;
	return S_ISDIR(st.st_mode) ? add_folder(in, path) : add_file(in, path);
}

static int by_time(const void *a, const void *b)
{
	const struct input_file *f = a, *g = b;

	if (f->first_us != g->first_us)
		return f->first_us < g->first_us ? -1 : 1;
	return strcmp(f->path, g->path);
}

void input_sort(struct input *in)
{
	if (in->count)
		qsort(in->files, in->count, sizeof(*in->files), by_time);
}

/* The next file that can be opened. */
static bool open_next(struct input *in)
{
	for (; in->now < in->count; in->now++) {
		struct input_file *f = &in->files[in->now];

		if (f->why || f->counters)
			continue;
		in->stream = stream_open(f->path);
		in->next_line = 1;
		if (in->stream)
			return true;
		f->why = memory_text(span_of(strerror(errno)));
	}
	return false;
}

static void close_file(struct input *in)
{
	stream_close(in->stream);
	in->stream = NULL;
	in->done += in->files[in->now].size;
	in->now++;
	in->skipping = false;
}

static void keep_carry(struct input *in, const char *text, size_t len)
{
	if (len > in->carry_room) {
		in->carry_room = len;
		in->carry = memory_more(in->carry, len, 1);
	}
	memcpy(in->carry, text, len);
	in->carry_len = len;
}

/* The rest of a line that was too long goes with its end. */
static void skip(struct input *in, struct block *b)
{
	char *end = memchr(b->text, '\n', b->len);

	if (!end) {
		b->len = 0;
		return;
	}
	b->len -= (size_t)(end + 1 - b->text);
	memmove(b->text, end + 1, b->len);
	in->skipping = false;
	in->next_line++;
}

/* What is behind the last newline waits for the next block. */
static void cut(struct input *in, struct block *b)
{
	char *end = memrchr(b->text, '\n', b->len);
	size_t rest = end ? (size_t)(b->text + b->len - end - 1) : b->len;

	if (!end && b->len == BLOCK) { /* no line of the shim's */
		in->bad++;
		in->skipping = true;
		rest = 0;
		b->len = 0;
	}
	keep_carry(in, b->text + b->len - rest, rest);
	b->len -= rest;
}

static uint64_t newlines(const char *text, size_t len)
{
	const char *end = text + len;
	uint64_t n = 0;

	while ((text = memchr(text, '\n', (size_t)(end - text)))) {
		text++;
		n++;
	}
	return n;
}

/* Reads until the block is full or the file ends. */
static void fill(struct input *in, struct block *b)
{
	struct input_file *f = &in->files[in->now];
	const char *why = NULL;
	ssize_t n = 1;

	while (b->len < BLOCK && n > 0) {
		n = stream_read(in->stream, b->text + b->len, BLOCK - b->len, &why);
		b->len += n > 0 ? (size_t)n : 0;
	}
	b->last = n <= 0;
	if (n < 0)
		f->why = memory_text(span_of(why));
}

bool input_next(struct input *in, struct block *b)
{
	if (!in->stream && !open_next(in))
		return false;
	if (!b->text)
		b->text = memory_get(BLOCK + LINE_ROOM, 1);
	memcpy(b->text, in->carry ? in->carry : "", in->carry_len);
	b->len = in->carry_len;
	in->carry_len = 0;
	b->file = (unsigned)in->now;
	fill(in, b);
	if (in->skipping)
		skip(in, b);
	b->number = in->next_block++;
	b->first_line = in->next_line;
	if (b->last) {
		close_file(in);
		return true;
	}
	cut(in, b);
	in->next_line += newlines(b->text, b->len);
	return true;
}

void input_rewind(struct input *in)
{
	for (size_t i = 0; i < in->count; i++) { /* what is broken is found broken again */
		free(in->files[i].why);
		in->files[i].why = NULL;
	}
	in->now = 0;
	in->next_block = in->done = in->bad = 0;
}

void input_free(struct input *in)
{
	for (size_t i = 0; i < in->count; i++) {
		free(in->files[i].path);
		free(in->files[i].why);
	}
	free(in->files);
	free(in->carry);
}
