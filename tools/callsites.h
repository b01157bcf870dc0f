/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_CALLSITES_H
#define RSTFIX_CALLSITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The callsites that a log of JSON lines tells of, by pattern and stack_id: events and summaries. */

#define CALLSITE_FRAMES 32

struct callsite_seen {
	char pattern[24];
	char op[16];
	char program[64];  /* that told it first */
	char stack_id[40]; /* "" where the stack was not known */
	uint64_t count;	   /* events; what a process summed up at its end is not counted twice */
	uint64_t summed;
	uint64_t
		resets; /* RSTs of the events with outcome reset or failed: of a listener, all that wait */
	unsigned frames;
	char *frame[CALLSITE_FRAMES]; /* "symbol (module+offset)", "function at file:line" */
};

struct callsites;

struct callsites *callsites_new(void);
void callsites_free(struct callsites *c);

/* Adds what the file tells. False with errno if it cannot be read. */
bool callsites_read(struct callsites *c, const char *path);

size_t callsites_count(const struct callsites *c);
const struct callsite_seen *callsites_at(const struct callsites *c, size_t i);

/* Is the line of code with this id in it, by whatever pattern? An unknown one never is. */
bool callsites_known(const struct callsites *c, const char *stack_id);

/* Its stack, a line a frame. */
void callsites_print_frames(const struct callsite_seen *c, FILE *out);

/* Lines that were lost by the shim, or that are no JSON object. */
uint64_t callsites_lost(const struct callsites *c);

/* Processes that were left alone from some moment on: they installed a seccomp filter. */
uint64_t callsites_sandboxed(const struct callsites *c);

#endif
