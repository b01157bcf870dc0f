/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_EVENT_H
#define RSTFIX_EVENT_H

#include "../detect/facts.h"
#include "../policy/rules.h"
#include "callsite.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One moment at which TCP is reset, or would be. Filled by the doors, told here: counted at its
 * callsite, rate-limited, formatted into a buffer of a fixed pool, written by one write. No
 * allocation, no lock, no errno; any context but a vfork child.
 */
struct event {
	enum pattern pattern;
	enum op op;
	enum action action;
	enum outcome outcome;
	const char *why;       /* of OUTCOME_FAILED */
	const char *direction; /* "read" or "write", receiving-side patterns only */
	bool mended;	       /* drained and duration_ms are known */
	uint64_t drained;      /* bytes thrown away while lingering */
	uint32_t duration_ms;  /* that the mend took */
	int fd;
	struct facts facts; /* before anything was done */
	struct endpoint local, peer;
	uint64_t netns; /* SO_NETNS_COOKIE; 0: unknown */
	enum intent intent;
	enum role role;
	int64_t age_ms;	  /* since the socket was made; -1 if that was not seen */
	enum op armed_op; /* what armed it, if armed_site is not 0 */
	unsigned armed_site;
	unsigned site; /* callsite.h: where it happens; 0: the table is full */
	bool admitted; /* within the rate: it is told, not only counted */
};

/* Maps the buffers. Called by the constructor. False: no memory; every event is then lost. */
bool event_start(void);
void event_forked(void);

/*
 * The first half, while the socket is still there: the callsite of the door that `caller` returns
 * to, and what is common to all events. pattern and op are set already; rec may be stale. What only
 * a told event needs is not asked of the kernel where the rate does not admit it.
 */
void event_about(struct event *e, int fd, const struct facts *f, const struct fdrec *rec,
	const void *caller);

/* The second half: counts e at its callsite, and tells it if it was admitted. */
void event_tell(const struct event *e);

/* A line that is no event: what was lost, what is not covered, a mistake in the configuration. */
void event_notice(const char *code, const char *text);

/* The counts by callsite; nothing if there was nothing to tell. At exit, and before a sandbox. */
void event_summary(void);

/* Interns the stack of the door that `caller` returns to: a callsite number, for armed_site. */
unsigned event_callsite(enum op op, const void *caller);

/* True when anything was counted in this process. */
bool event_any(void);

#endif
