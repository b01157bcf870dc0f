/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_FRAMING_H
#define RSTFIX_FRAMING_H

#include "../policy/options.h"
#include "render.h"

/*
 * What goes around a message where a daemon keeps the log. syslog: "<PRI>rstfix[PID]: ", all of it one
 * line; without a time, which every daemon adds in its own zone. The journal's native protocol:
 * fields, then MESSAGE with its length. Elsewhere nothing. Pure; any context.
 */

/* As syslog(3) numbers them. */
enum severity { SEVERITY_WARNING = 4, SEVERITY_NOTICE = 5, SEVERITY_INFO = 6 };

struct framed {
	const char *event;	    /* "rst", "notice", "summary" */
	const char *code;	    /* of a notice, else NULL */
	const struct event *about;  /* of an rst, else NULL */
	const struct telling *told; /* the same */
	enum severity severity;
};

/* Begins a line on the empty t. Returns where the message begins: for framing_end(). */
size_t framing_begin(
	struct text *t, enum log_target log, const struct origin *o, const struct framed *f);

/* The message, which ends with a newline, stands in t behind `body`. */
void framing_end(struct text *t, enum log_target log, size_t body);

/* How much an event of this outcome matters. */
enum severity framing_severity(enum outcome outcome);

#endif
