/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_EVENTS_H
#define RSTFIX_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads the JSON log that the shim writes: one object a line. */

struct event {
	char event[16]; /* rst, summary, notice */
	char pattern[24];
	char op[16];
	char action[16];
	char outcome[16];
	char intent[16];
	char harm[16];
	char role[16];
	char stack_id[40];
	char module[256]; /* of the innermost frame */
	char symbol[128]; /* of the innermost frame */
	char offset[24];  /* of the innermost frame in its module */
	int64_t pid;
	int64_t sock;		/* SO_COOKIE; -1: not told */
	int64_t unread;		/* -1: not told */
	int64_t unsent;		/* -1: not told */
	int64_t waiting, taken; /* of a listener; -1: not told */
	size_t frames;
	bool armed_by; /* told, with a stack */
};

struct event_log {
	size_t rsts; /* closes told; the first EVENTS_KEPT of them are kept, each as it ended */
	size_t notices;
	size_t bad; /* lines that are no object */
	struct event first[8];
};

#define EVENTS_KEPT (sizeof(((struct event_log *)0)->first) / sizeof(struct event))

/* Reads a log to its end. A file that does not exist is a log without events. */
bool events_read(struct event_log *log, const char *path);

/* Reads one line, NUL-terminated. False if it is not one JSON object. */
bool event_parse(struct event *e, const char *line);

#endif
