/* SPDX-License-Identifier: MIT */
#include "follow.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define PRELOAD "LD_PRELOAD="
#define PREFIX	"RSTFIX_"
#define MARK	"_RSTFIX_CARRIED=1"
#define LIBRARY "librstfix.so"

#define CARRIED_MAX 24

static enum { NOTHING, UNFOLLOW, CARRY } what;
static const char *library;		   /* this library, as LD_PRELOAD named it */
static char *carried[CARRIED_MAX];	   /* NAME=VALUE of each RSTFIX_ variable */
static unsigned carried_name[CARRIED_MAX]; /* length of NAME= */
static unsigned count;

static bool starts(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* A part of LD_PRELOAD, which ld.so splits at blanks and colons. */
static size_t part_len(const char *list)
{
	return strcspn(list, ": ");
}

static bool is_ours(const char *part, size_t len)
{
	return memmem(part, len, LIBRARY, strlen(LIBRARY)) != NULL;
}

/* The part of an LD_PRELOAD's value that is this library, or NULL. */
static const char *ours_in(const char *list)
{
	for (;; list++) {
		size_t len = part_len(list);

		if (len && is_ours(list, len))
			return list;
		list += len;
		if (!*list)
			return NULL;
	}
}

static size_t room_for_copies(char *const envp[])
{
	size_t bytes = 0;

	for (; *envp; envp++)
		if (starts(*envp, PREFIX) || starts(*envp, PRELOAD))
			bytes += strlen(*envp) + 1;
	return bytes;
}

static char *copy(char **room, const char *s, size_t len)
{
	char *at = *room;

	memcpy(at, s, len);
	at[len] = 0;
	*room += len + 1;
	return at;
}

static void keep(char **room, const char *entry)
{
	const char *equals = strchr(entry, '='), *ours;

	if (starts(entry, PRELOAD)) {
		ours = ours_in(entry + strlen(PRELOAD));
		library = ours ? copy(room, ours, part_len(ours)) : library;
	} else if (starts(entry, PREFIX) && equals && count < CARRIED_MAX) {
		carried_name[count] = (unsigned)(equals - entry) + 1;
		carried[count++] = copy(room, entry, strlen(entry));
	}
}

/* What a program that does not know the mark has added behind it stays. */
bool follow_hide(char **envp)
{
	char **to;

	while (*envp && strcmp(*envp, MARK) != 0)
		envp++;
	if (!*envp)
		return false;
	for (to = envp; *envp; envp++) {
		if (!starts(*envp, PRELOAD) && !starts(*envp, PREFIX) && strcmp(*envp, MARK) != 0)
			*to++ = *envp;
	}
	*to = NULL;
	return true;
}

void follow_start(bool follow, char **envp)
{
	size_t bytes = room_for_copies(envp);
	char *room, **at;

	count = 0;
	library = NULL;
	what = follow ? CARRY : UNFOLLOW;
	if (follow && bytes) {
		room = mmap(
			NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (at = envp; *at && room != MAP_FAILED; at++)
			keep(&room, *at);
	}
	follow_hide(envp);
}

/* What is there already, of what would be carried. */
struct present {
	const char *preload; /* the last value of LD_PRELOAD: ld.so takes that one */
	uint32_t carried;    /* bit i: carried[i] is set, perhaps to something else */
	unsigned entries;
};

static void note_variable(struct present *p, const char *entry)
{
	for (unsigned i = 0; i < count; i++) {
		if (strncmp(entry, carried[i], carried_name[i]) == 0)
			p->carried |= 1U << i;
	}
}

static void look(struct present *p, char *const envp[])
{
	*p = (struct present){.preload = NULL};
	for (; envp && envp[p->entries]; p->entries++) {
		const char *entry = envp[p->entries];

		if (*entry == 'L' && starts(entry, PRELOAD))
			p->preload = entry + strlen(PRELOAD);
		else if (*entry == 'R' && starts(entry, PREFIX))
			note_variable(p, entry);
	}
}

static bool lacks_library(const struct present *p)
{
	return library && (!p->preload || !ours_in(p->preload));
}

/* Set to nothing is a decision; anything else in it leaves room for this library. */
static bool refused(const struct present *p)
{
	return library && p->preload && !*p->preload;
}

static bool lacks(const struct present *p)
{
	if (refused(p))
		return false;
	return lacks_library(p) || p->carried != (1U << count) - 1;
}

static size_t preload_size(const struct present *p)
{
	size_t bytes = sizeof(PRELOAD) + 1 + (library ? strlen(library) : 0);

	return bytes + (p->preload ? strlen(p->preload) : 0);
}

/* To unfollow: room for a changed copy of every LD_PRELOAD that names this library. */
static size_t unfollow_size(char *const envp[])
{
	size_t bytes = 0;

	for (; envp && *envp; envp++) {
		if (starts(*envp, PRELOAD) && ours_in(*envp + strlen(PRELOAD)))
			bytes += strlen(*envp) + 1;
	}
	return bytes;
}

size_t follow_room(char *const envp[])
{
	struct present p;
	size_t bytes;

	if (what == NOTHING)
		return 0;
	look(&p, envp);
	if (what == UNFOLLOW) {
		bytes = unfollow_size(envp);
		return bytes ? bytes + (p.entries + 1) * sizeof(char *) : 0;
	}
	if (!lacks(&p))
		return 0;
	return preload_size(&p) + (p.entries + count + 3) * sizeof(char *);
}

static void append(char **at, const char *s, size_t len)
{
	memcpy(*at, s, len);
	*at += len;
}

/* LD_PRELOAD without this library, in room; NULL if nothing is left of it. */
static char *without_library(const char *entry, char **room)
{
	char *made = *room, *at = made, *empty;
	const char *list = entry + strlen(PRELOAD);

	append(&at, PRELOAD, strlen(PRELOAD));
	empty = at;
	while (*list) {
		size_t len = part_len(list);

		if (len && !is_ours(list, len)) {
			if (at != empty)
				*at++ = ':';
			append(&at, list, len);
		}
		list += len;
		list += *list != 0;
	}
	*at++ = 0;
	if (at == empty + 1)
		return NULL;
	*room = at;
	return made;
}

static char **unfollow(char *const envp[], unsigned entries, void *room)
{
	char **out = room, *strings = (char *)(out + entries + 1);
	unsigned n = 0;

	for (; *envp; envp++) {
		char *entry = *envp;

		if (starts(entry, PRELOAD) && ours_in(entry + strlen(PRELOAD)))
			entry = without_library(entry, &strings);
		if (entry)
			out[n++] = entry;
	}
	out[n] = NULL;
	return out;
}

static char *with_library(const struct present *p, char *room)
{
	char *at = room;

	append(&at, PRELOAD, strlen(PRELOAD));
	if (p->preload) {
		append(&at, p->preload, strlen(p->preload));
		*at++ = ':';
	}
	append(&at, library, strlen(library) + 1);
	return room;
}

char **follow_environment(char *const envp[], void *room)
{
	char **out = room;
	struct present p;
	unsigned n, i;

	look(&p, envp);
	if (what == UNFOLLOW)
		return unfollow(envp, p.entries, room);
	n = p.entries;
	if (n)
		memcpy(out, envp, n * sizeof(*out));
	out[n++] = (char *)MARK;
	if (lacks_library(&p))
		out[n++] = with_library(&p, (char *)(out + p.entries + count + 3));
	for (i = 0; i < count; i++) {
		if (!(p.carried & 1U << i))
			out[n++] = carried[i];
	}
	out[n] = NULL;
	return out;
}
