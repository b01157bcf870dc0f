/* SPDX-License-Identifier: MIT */
#ifndef RUNS_H
#define RUNS_H

#include "judge.h"

#include <stdbool.h>

/* How a scenario is run and judged: what cmocka calls, with a struct placed as its state. */

struct scenario {
	const char *program; /* a victim program beside this one; "valgrind": victim, under it */
	const char *frame;
	const char *victim;
	const char *door;
	enum judge_mode mode;
	const char
		*also; /* to preload beside the shim: "LIBRARY:" before it, ":LIBRARY" after it */
};

/* A scenario of this run, and what the connection goes over: an index of transport.h. */
struct placed {
	struct scenario scenario;
	int transport;
};

/* A failure tells each RST that the kernel sent, and its reason, where root allows. */
extern bool runs_traced;

/* Every victim runs under valgrind. */
extern bool runs_checked;

/* Finds the shim and the victims, makes a folder for the logs. False with errno. */
bool runs_begin(void);
void runs_end(void);

void run(void **state);		    /* as claimed */
void run_untouched(void **state);   /* as bare: the shim has to keep out */
void run_deaf(void **state);	    /* the peer never reads: a limit ends it */
void run_trimmed(void **state);	    /* it cannot linger: the kernel is left to deliver */
void run_late_at_end(void **state); /* the same, where a filter may be attached */
void run_dropped(void **state);	    /* no RST at all, and no event */
void run_too_late(void **state);    /* SHUT_RD was real when the byte came */
void run_held(void **state);	    /* delivered; what is unread then resets */

#endif
