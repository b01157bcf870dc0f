/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_RENDER_H
#define RSTFIX_RENDER_H

#include "../base/format.h"
#include "event.h"

/*
 * Events as JSON lines for machines and as sentences for people. They touch no socket and write
 * nothing: tests call them directly.
 */

/* What surrounds every line. */
struct origin {
	int64_t time_us;
	const char *program, *host;
	char boot_id[37]; /* "": not known */
	int pid, tid;
	int64_t start_s;
	uint64_t seq;
};

/* Where and how often. A site without frames to tell has frames = false. */
struct telling {
	const struct callsite *site; /* NULL: the table is full */
	bool frames;
	uint64_t count; /* events that this line stands for */
	const struct callsite *armed;
};

void render_event_json(
	struct text *t, const struct origin *o, const struct event *e, const struct telling *w);
void render_event_text(
	struct text *t, const struct origin *o, const struct event *e, const struct telling *w);

/* A close that is no event. */
void render_close_json(
	struct text *t, const struct origin *o, const struct event *e, const struct telling *w);
void render_close_text(
	struct text *t, const struct origin *o, const struct event *e, const struct telling *w);

void render_notice_json(struct text *t, const struct origin *o, const char *code, const char *msg);
void render_notice_text(struct text *t, const struct origin *o, const char *code, const char *msg);

/* What nobody can prove: how often, and how often with output that was not acknowledged. */
struct risk {
	uint64_t count, unacknowledged;
};

/*
 * The summary: a head, then each callsite, then an end with the risks by pattern (NULL: none are
 * told here). lost: lines that could not be written.
 */
void render_summary_json_head(
	struct text *t, const struct origin *o, uint64_t events, uint64_t lost);
void render_summary_json_site(struct text *t, const struct callsite *s, bool first);
void render_summary_json_end(struct text *t, const struct risk risks[PATTERN_COUNT]);
void render_summary_text_head(
	struct text *t, const struct origin *o, uint64_t events, uint64_t lost);
void render_summary_text_site(struct text *t, const struct callsite *s);
void render_summary_text_risks(struct text *t, const struct risk risks[PATTERN_COUNT]);

/* The stack in text, a frame a line: the language's functions, then the others. */
void render_frames(struct text *t, const struct callsite *s);

void render_endpoint(struct text *t, const struct endpoint *e); /* 127.0.0.1:80, [::1]:80 */
const char *render_role(enum role role);			/* NULL for ROLE_NONE */

#endif
