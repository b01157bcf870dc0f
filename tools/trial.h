/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_TRIAL_H
#define RSTFIX_TRIAL_H

#include "peers.h"
#include "tracer.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One victim against its peer, in a network namespace of their own: what the kernel sent, what the
 * peer got. The victim is a separate program, so that a library can be preloaded into it.
 */

#define TRIAL_TRACED 4

struct trial {
	const char *const *command; /* the program and its first words, NULL-terminated; NAME DOOR
				       STAGE-DESCRIPTOR are appended (see victim_play) */
	const char *const *under;   /* the words of a program that runs it, or NULL */
	const char *victim;	    /* a name of victims.h */
	const char *door;	    /* a name of doors.h, or of calls.h */
	int transport;		    /* an index of transport.h; 0: TCP over IPv4 */
	const char *mode;	    /* RSTFIX_MODE; NULL: bare, nothing is preloaded by preload */
	const char *preload;	    /* LD_PRELOAD of the victim; NULL: none */
	const char *log;	    /* path of its JSON log; NULL: none */
	const char *const *env;	    /* NAME=VALUE to add, NULL-terminated; may be NULL */
	bool trace;		    /* ask the kernel for its reasons; needs root */
};

struct trial_result {
	char skipped[160]; /* not empty: no trial was to be had, and why */
	char broken[160];  /* not empty: the trial itself went wrong, and how */
	uint64_t rsts;	   /* by the kernel's count, both ends together */
	uint64_t sent;	   /* bytes that the victim's writes accepted */
	uint64_t got;	   /* bytes that the peer read */
	enum peer_end end; /* how the peer's reading ended */
	int passed_ms;	   /* how long the victim's close took */
	int status;	   /* of the victim, as waitpid gives it */
	int failed;	   /* line of the victim's check that did not hold; 0: none */
	uint32_t traced;   /* resets in reasons */
	struct traced_reset resets[TRIAL_TRACED];
};

/*
 * Runs the trial in a child of its own and fills r. False if it was skipped or broken. Bounded: 20 s.
 * The caller must have one thread.
 */
bool trial_run(const struct trial *t, struct trial_result *r);

#endif
