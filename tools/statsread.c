/* SPDX-License-Identifier: MIT */
#include "statsread.h"

#include "log/statsfile.h"

#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX 96

/* A name at this offset of a piece of so many bytes; NULL: it does not end there. */
static const char *name_at(const char *piece, size_t size, uint32_t offset)
{
	if (offset >= size || !memchr(piece + offset, 0, size - offset))
		return NULL;
	return piece + offset;
}

/* Patterns, calls, actions and outcomes have names of a kind; only a program's can be anything. */
static bool is_word(const char *name)
{
	size_t len = name ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") : 0;

	return len > 0 && len <= 40 && !name[len];
}

/* Cuts a list at its commas. 0: more than are possible, or no names. */
static size_t split(const char **names, char *list)
{
	size_t n = 0;
	char *next;

	do {
		if (n == STATS_NAMES)
			return 0;
		next = strchr(list, ',');
		if (next)
			*next++ = 0;
		if (!is_word(list))
			return 0;
		names[n++] = list;
		list = next;
	} while (next);
	return n;
}

static bool parse_frames(struct stats_callsite *s, const char *piece, const struct stats_record *r)
{
	const struct stats_frame *f;

	if (r->frames_count > FRAMES_MAX || r->frames % 8 || r->frames > r->size ||
		r->frames_count * sizeof(*f) > r->size - r->frames)
		return false;
	s->frames = calloc(r->frames_count + 1, sizeof(*s->frames));
	if (!s->frames)
		return false;
	f = (const void *)(piece + r->frames);
	for (; s->frames_count < r->frames_count; s->frames_count++, f++) {
		struct stats_callsite_frame *to = &s->frames[s->frames_count];

		to->offset = f->offset;
		to->language = f->language;
		to->module = name_at(piece, r->size, f->module);
		to->build_id = name_at(piece, r->size, f->build_id);
		to->symbol = name_at(piece, r->size, f->symbol);
		if (!to->module || !to->build_id || !to->symbol)
			return false;
	}
	return true;
}

static bool parse_site(
	struct stats_process *p, struct stats_callsite *s, size_t size, uint32_t at, size_t *left)
{
	const char *piece = (const char *)p->data + at;
	const struct stats_record *r = (const void *)piece;
	size_t least = sizeof(*r) + p->actions_count * p->outcomes_count * sizeof(r->counts[0]);

	if (at % 8 || at > size || size - at < least || r->size < least || r->size > size - at ||
		r->size > *left)
		return false;
	*left -= r->size;
	s->pattern = name_at(piece, r->size, r->pattern);
	s->op = name_at(piece, r->size, r->op);
	s->stack_id = r->stack_id;
	s->unread = r->unread;
	s->unsent = r->unsent;
	s->drained = r->drained;
	s->lost = r->lost;
	s->saved = r->saved;
	s->lingered_ms = r->lingered_ms;
	s->counts = r->counts;
	return is_word(s->pattern) && is_word(s->op) && parse_frames(s, piece, r);
}

/* Records that overlap would make much of little: together they are no larger than the file. */
static bool parse_sites(struct stats_process *p, const struct stats_header *h, size_t size)
{
	size_t left = size;

	if (h->sites_count > (size - sizeof(*h)) / sizeof(h->sites[0]))
		return false;
	p->sites = calloc(h->sites_count + 1, sizeof(*p->sites));
	if (!p->sites)
		return false;
	for (uint32_t i = 0; i < h->sites_count; i++) {
		if (h->sites[i] >= size) /* added while the file was read */
			continue;
		if (!h->sites[i])
			continue;
		if (!parse_site(p, &p->sites[p->sites_count++], size, h->sites[i], &left))
			return false;
	}
	return true;
}

static bool parse(struct stats_process *p, struct stats_header *h, size_t size)
{
	if (size < sizeof(*h) || memcmp(h->magic, STATS_MAGIC, sizeof(h->magic)) != 0 ||
		h->version != STATS_VERSION)
		return false;
	p->program = name_at(h->program, sizeof(h->program), 0);
	p->host = name_at(h->host, sizeof(h->host), 0);
	p->boot_id = name_at(h->boot_id, sizeof(h->boot_id), 0);
	if (!p->program || !p->host || !p->boot_id || !name_at(h->actions, sizeof(h->actions), 0) ||
		!name_at(h->outcomes, sizeof(h->outcomes), 0))
		return false;
	p->pid = h->pid;
	p->start_s = h->start_s;
	p->pid_namespace = h->pid_namespace;
	p->made_ns = h->made_ns;
	p->lost_lines = h->lost_lines;
	p->unplaced = h->unplaced;
	p->actions_count = split(p->actions, h->actions);
	p->outcomes_count = split(p->outcomes, h->outcomes);
	return p->actions_count && p->outcomes_count && parse_sites(p, h, size);
}

bool stats_parse(struct stats_process *p, void *data, size_t size)
{
	*p = (struct stats_process){.life = STATS_UNKNOWN, .data = data};
	if (parse(p, data, size))
		return true;
	stats_free(p);
	return false;
}

void stats_free(struct stats_process *p)
{
	for (size_t i = 0; i < p->sites_count; i++)
		free(p->sites[i].frames);
	free(p->sites);
	free(p->data);
	free(p->file);
	*p = (struct stats_process){0};
}

uint64_t stats_events(const struct stats_process *p, const struct stats_callsite *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < p->actions_count * p->outcomes_count; i++)
		sum += s->counts[i];
	return sum;
}
