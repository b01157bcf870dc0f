/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_LINE_H
#define RSTFIX_REPORT_LINE_H

#include "policy/parse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One line of the log, as rstfix-events(5) has it, read by simdjson. A member that is not there, or
 * is of another type, is empty, 0 or LINE_UNKNOWN. Texts may hold any byte but are valid UTF-8.
 */

#define LINE_FRAMES   64
#define LINE_LANGUAGE 32 /* frames of the program's language */
#define LINE_ROOM     64 /* bytes behind a line that may be read: simdjson's padding */
#define LINE_UNKNOWN  INT64_MIN

enum line_kind { LINE_RST, LINE_SUMMARY, LINE_NOTICE, LINE_CLOSE, LINE_OTHER };

struct line_frame {
	struct span module, build_id, symbol;
	uint64_t offset;
};

struct line_language {
	struct span file, function;
	uint64_t line;
};

struct line_stack {
	struct span op, stack_id;
	unsigned count, language_count;
	struct line_frame frames[LINE_FRAMES];
	struct line_language language[LINE_LANGUAGE];
};

/* The outcomes (shim/log/callsite.h) and the actions (shim/policy/rules.h), in the shim's order. */
#define LINE_OUTCOMES 8
#define LINE_ACTIONS  5

struct figures {
	uint64_t count, unread, unsent;
	uint64_t destroyed; /* output that resets have destroyed, bytes */
	uint64_t saved;	    /* output that a mend has brought to the peer, bytes */
	uint64_t drained;
	uint64_t outcomes[LINE_OUTCOMES];
	uint64_t actions[LINE_ACTIONS]; /* of a summary not known */
};

/* A callsite of a summary. */
struct line_site {
	struct span pattern, op, stack_id;
	struct figures figures;
};

struct line {
	enum line_kind kind;
	int64_t time_us; /* since the epoch, or LINE_UNKNOWN */
	struct span pattern, op, action, outcome, program, role, local, peer, harm, host, boot_id;
	struct span code, text; /* of a notice */
	uint64_t pid, start, sock, netns, count, unread, unsent, drained, events, lost;
	struct line_stack stack, armed_by; /* stack.op is not used */
	struct line_site *sites;	   /* until the next line is read */
	size_t site_count;
};

struct line_reader;

struct line_reader *line_reader_new(void); /* NULL: no memory */
void line_reader_free(struct line_reader *r);

/*
 * Reads text, of len bytes, behind which LINE_ROOM more may be read. Fills *line, whose spans hold
 * until the next call. False if it is not one JSON object.
 */
bool line_read(struct line_reader *r, struct line *line, const char *text, size_t len);

/* Of a text that is not valid UTF-8, all that is not ASCII becomes '?'. */
void line_make_utf8(char *text, size_t len);

#ifdef __cplusplus
}
#endif

#endif
