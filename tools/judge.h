/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_JUDGE_H
#define RSTFIX_JUDGE_H

#include "events.h"
#include "trial.h"

#include <stdbool.h>
#include <stdint.h>

/* What has to come of each victim, bare and under the shim, and whether it did. */

enum judge_mode { JUDGE_BARE, JUDGE_AUDIT, JUDGE_FIX, JUDGE_MODES };

extern const char *const judge_mode_names[JUDGE_MODES]; /* as RSTFIX_MODE has them; "bare" */

struct claim {
	const char *victim;
	const char *pattern; /* of the one event; NULL: no event */
	const char *op;	     /* of the event, unless the trial says; NULL: that of the door */
	uint64_t rsts;	     /* bare and in audit, both ends together */
	enum peer_end end;   /* bare and in audit */
	const char *outcome; /* of the event in audit; NULL: audit has none */
	const char *intent;  /* of the event, or empty */
	int64_t unread;	     /* of the event; -1: not claimed */
	bool armed;	     /* the event tells what armed it, with a stack */
	bool mended;	     /* in fix: no RST, FIN, every byte */
	bool shared;	     /* somebody else holds the socket; in fix one event may say so */
};

/* The first thing that is not as it should be; empty if all is. */
struct finding {
	char text[256];
};

/* NULL if there is no such victim. */
const struct claim *claim_for(const char *victim);

/* RSTFIX_POLICY for it, as NAME=VALUE; NULL: it has none. */
const char *judge_policy(const char *victim);

/* All of them, one after the other; NULL at the end. */
const struct claim *claim_at(size_t i);

/*
 * Judges a trial that has run, from its result and its log, which is read into log. The event's
 * innermost frame has to be in the program of the victim.
 */
void judge(struct finding *f, const struct trial *t, const struct trial_result *r,
	struct event_log *log);

/* The same for a victim in a place where the shim has to keep out: as bare, and no event. */
void judge_untouched(struct finding *f, const struct trial *t, const struct trial_result *r,
	struct event_log *log);

#endif
