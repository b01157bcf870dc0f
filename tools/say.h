/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_SAY_H
#define RSTFIX_SAY_H

#include <stdio.h>

#include <stdbool.h>
#include <stdio.h>

/*
 * What rstfix itself tells a person, one line each on standard error: what happened, why, and what
 * to do next.
 */

#define EXIT_REFUSED 2 /* a command line or an environment that cannot be followed */

/*
 * A line from a command ("rstfix run: ..."), or from rstfix as such with command NULL. Bytes that a
 * terminal should not get (names of programs and files are any) are told as \xNN.
 */
void say(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * A mistake: what (an option or a variable), its value, what is allowed. Bytes of the value that a
 * terminal should not get are told as \xNN. Always returns EXIT_REFUSED.
 */
int say_refusal(const char *command, const char *what, const char *value, const char *allowed);

/* JSON for a file or a terminal: no control characters, and nothing that is no UTF-8. */
void say_json(FILE *out, const char *json);

#endif
