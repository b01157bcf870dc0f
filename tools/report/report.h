/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_H
#define RSTFIX_REPORT_H

#include "input.h"
#include "symbols.h"
#include "tally.h"

#include <json-c/json.h>
#include <stdio.h>

/* All that a report is written from, and the ways in which it is written. */

enum change { CHANGE_NONE, CHANGE_NEW, CHANGE_CHANGED, CHANGE_SAME };

extern const char *const change_names[]; /* "new" ..., "" for CHANGE_NONE */

struct known; /* baseline.h */

struct report {
	struct input input;
	struct tally *tally;
	struct symbols symbols;
	struct baseline *baseline; /* NULL: there is none */
};

/* What of a site a baseline says; CHANGE_NONE without one. *was: the old figures, or NULL. */
enum change report_change(const struct report *r, const struct site *s, const struct known **was);

/* The innermost frame of the program, or else of a library, in its language; else the innermost that is not the C library's; NULL: the stack is not known (NULL, too). */
const struct stack_frame *report_culprit(const struct stack *stack);

/* "function at file:line" or "symbol (module+offset)" of a frame, to be freed. */
char *report_place(const struct stack_frame *f);

void report_text(const struct report *r, FILE *out);
void report_folded(const struct report *r, FILE *out);
void report_html(const struct report *r, FILE *out);
void report_sarif(const struct report *r, FILE *out);
void report_junit(const struct report *r, FILE *out);

/* The document of --format json, which the page and a later baseline read, too. */
json_object *report_document(const struct report *r);
void report_json(const struct report *r, FILE *out);

#endif
