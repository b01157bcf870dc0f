/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_DIFFERENTIAL_TRIAL_H
#define RSTFIX_DIFFERENTIAL_TRIAL_H

#include "lockstep.h"

enum mode { BARE, AUDIT, FIX, MODES };

extern const char *const mode_names[MODES];

/* What all trials need. */
struct setting {
	const char *runner;  /* the watched program, absolute */
	const char *library; /* absolute */
	char folder[64];     /* for the logs of the library */
};

/*
 * Runs `count` programs one after the other in one image of the watched program (a new one where a program
 * ended it), against the peer, in a network namespace of their own, on the processor that the caller
 * is on. In a child of its own. False: no namespace was to be had, or the like; told on standard error.
 */
bool trial_run(const struct setting *set, enum mode mode, const struct program *programs, int count,
	struct results *results);

/* The peer's part (peer.c). */
struct peer {
	struct lockstep *l;
	int listener;
	int count;
	struct {
		int fd; /* -1: closed */
		uint32_t sent;
		struct received *got;
	} conns[PEERS];
};

bool peer_open(struct peer *p, struct lockstep *l);
void peer_begin(struct peer *p);
void peer_step(struct peer *p, const struct step *s, struct outcome *o);

/* Reads what is still to come, on every connection, and closes them all. */
void peer_end(struct peer *p);

#endif
