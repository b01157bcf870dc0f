/* SPDX-License-Identifier: MIT */
#include "perf_map.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define FOLDER "/tmp"

/* Longer names are cut. */
#define LINE_SIZE 4096

/* More than any program writes, and read in a few seconds; a hole can be of any size. */
#define SIZE_MAX_GIB 1

/* A frame without a name, of a process. */
struct unnamed {
	struct stack *stack;
	struct stack_frame *frame;
};

static bool trusted(const struct perf_maps *maps, uid_t owner)
{
	if (owner == 0 || owner == geteuid())
		return true;
	for (unsigned i = 0; i < 2 && maps->logs[i]; i++) {
		const struct input *in = maps->logs[i];

		for (size_t k = 0; k < in->count; k++) {
			if (in->files[k].size && in->files[k].owner == owner)
				return true;
		}
	}
	return false;
}

static char *why_not(const struct perf_maps *maps, const struct stack *of, const struct stat *st)
{
	if (!S_ISREG(st->st_mode) || st->st_nlink != 1)
		return memory_print("is no file by itself");
	if (!trusted(maps, st->st_uid))
		return memory_print("belongs to uid %u, neither root nor the log's owner",
			(unsigned)st->st_uid);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return memory_print("can be written by others");
	if ((uint64_t)st->st_mtime < of->start)
		return memory_print("is older than the process");
	if (st->st_size > (off_t)SIZE_MAX_GIB << 30)
		return memory_print("is larger than %d GiB", SIZE_MAX_GIB);
	return NULL;
}

/* NULL: *why, to be freed, is for people. */
static FILE *open_map(const struct perf_maps *maps, const struct stack *of, char **why)
{
	const char *folder = maps->folder ? maps->folder : FOLDER;
	char *path = memory_print("%s/perf-%llu.map", folder, (unsigned long long)of->pid);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	char *not = NULL;

	if (fd < 0)
		not = memory_print("%s", errno == ELOOP ? "is a link" : strerror(errno));
	else if (fstat(fd, &st) != 0)
		not = memory_print("%s", strerror(errno));
	else
		not = why_not(maps, of, &st);
	*why = not ? memory_print("code made at run time; %s: %s", path, not ) : NULL;
	free(path);
	free(not );
	if (!*why)
		return fdopen(fd, "r");
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* Without --perf-map this machine is asked, which may not be the log's. */
static char *elsewhere(const struct perf_maps *maps, const struct stack *of)
{
	struct utsname uts;

	if (maps->folder || (uname(&uts) == 0 && strcmp(uts.nodename, of->host) == 0))
		return NULL;
	return memory_print(
		"code made at run time, on another machine (%s); see --perf-map", of->host);
}

static int by_process(const struct unnamed *a, const struct unnamed *b)
{
	const struct stack *s = a->stack, *t = b->stack;
	int order = (s->pid > t->pid) - (s->pid < t->pid);

	order = order ? order : (s->start > t->start) - (s->start < t->start);
	return order ? order : strcmp(s->host, t->host);
}

static int by_address(const void *a, const void *b)
{
	const struct unnamed *u = a, *v = b;
	int order = by_process(u, v);

	return order
		? order
		: (u->frame->offset > v->frame->offset) - (u->frame->offset < v->frame->offset);
}

/* What lies from start on, of n in order. */
static size_t first_from(const struct unnamed *list, size_t n, uint64_t start)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list[middle].frame->offset < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Code may be thrown away, and other code be made in its place: the later line counts. */
static void take_line(struct words *words, char *line, struct unnamed *list, size_t n)
{
	char *end, *name;
	uint64_t start = strtoull(line, &end, 16), size;
	size_t i;

	if (end == line || *end != ' ')
		return;
	size = strtoull(end, &name, 16);
	if (name == end || *name != ' ')
		return;
	name++;
	name[strcspn(name, "\n")] = '\0';
	i = first_from(list, n, start);
	if (i == n || list[i].frame->offset - start >= size || !*name)
		return;
	line_make_utf8(name, strlen(name));
	for (; i < n && list[i].frame->offset - start < size; i++)
		list[i].frame->symbol = words_keep(words, span_of(name));
}

static void read_map(struct words *words, FILE *map, struct unnamed *list, size_t n)
{
	char line[LINE_SIZE];
	bool begins = true, ends;

	while (fgets(line, sizeof(line), map)) {
		ends = strchr(line, '\n') != NULL;
		if (begins)
			take_line(words, line, list, n);
		begins = ends;
	}
	fclose(map);
}

/* All of one process. */
static void resolve(
	struct words *words, const struct perf_maps *maps, struct unnamed *list, size_t n)
{
	char *why = elsewhere(maps, list[0].stack);
	FILE *map = why ? NULL : open_map(maps, list[0].stack, &why);

	if (map)
		read_map(words, map, list, n);
	for (size_t i = 0; i < n; i++)
		list[i].stack->why_unnamed = words_keep(words,
			span_of(why ? why
				    : "code made at run time that its perf map does not name"));
	free(why);
}

static struct unnamed *find_unnamed(struct stacks *stacks, size_t *count)
{
	struct unnamed *list = NULL;
	size_t room = 0;

	*count = 0;
	for (size_t i = 0; i < stacks->count; i++) {
		struct stack *s = &stacks->list[i];

		for (unsigned k = 0; k < s->count; k++) {
			if (s->frames[k].language || *s->frames[k].module || *s->frames[k].symbol)
				continue;
			list = memory_grow(list, *count, &room, sizeof(*list));
			list[(*count)++] = (struct unnamed){s, &s->frames[k]};
		}
	}
	return list;
}

void perf_map_resolve(struct stacks *stacks, struct words *words, const struct perf_maps *maps)
{
	size_t count, from, to;
	struct unnamed *list = find_unnamed(stacks, &count);

	if (count)
		qsort(list, count, sizeof(*list), by_address);
	for (from = 0; from < count; from = to) {
		for (to = from + 1; to < count && by_process(&list[from], &list[to]) == 0; to++)
			;
		resolve(words, maps, list + from, to - from);
	}
	free(list);
}
