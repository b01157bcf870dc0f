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
	enum rule_status status; /* at the end of the process: its exit status */
	enum action action;
	enum outcome outcome;
	const char *why;	 /* of OUTCOME_FAILED, or why a rule's fix is not made */
	const struct rule *rule; /* that decided; NULL: the mode's default */
	bool dry;		 /* audit: action is what would be done */
	const char *direction;	 /* "read" or "write", receiving-side patterns only */
	bool mended;		 /* drained and duration_ms are known; of a listener, taken too */
	uint32_t taken;		 /* connections out of a listener's queue */
	uint64_t drained;	 /* bytes thrown away while lingering */
	uint32_t duration_ms;	 /* that the mend took */
	int fd;
	struct facts facts; /* before anything was done */
	struct endpoint local, peer;
	uint64_t netns; /* SO_NETNS_COOKIE; 0: unknown */
	enum intent intent;
	enum role role;
	int64_t age_ms;	  /* since the socket was made; -1 if that was not seen */
	enum op armed_op; /* what armed it, if armed_site is not 0 */
	unsigned armed_site;
	unsigned site;	/* callsite.h: where it happens; 0: the table is full */
	bool tentative; /* a risk only: told if it comes true while the socket lingers */
	bool in_use;	/* another thread may stand in a call on it: not shut, and not read */
	bool admitted;	/* within the rate: it is told, not only counted */
	int tid;	/* of the thread that closed; 0: the one that tells */
};

/* Maps the buffers. Called by the constructor. False: no memory; every event is then lost. */
bool event_start(void);
void event_forked(void);

/*
 * The first half, while the socket is still there: the callsite of the door that `caller` returns
 * to. pattern and op are set already.
 */
void event_locate(struct event *e, const void *caller);

/* Both ends' addresses. rec may be stale, or NULL. */
void event_addresses(struct event *e, int fd, const struct fdrec *rec);

/*
 * What is common to all events, once their rule is known. What only a told event needs is not asked
 * of the kernel where the rate, the rule's or the general one, does not admit it.
 */
void event_about(struct event *e, int fd, const struct facts *f, const struct fdrec *rec);

/* A tentative event has come true, while fd is still there: from now on it is one like the others. */
void event_confirm(struct event *e, int fd);

/* The second half: counts e at its callsite, and tells it if it was admitted. */
void event_tell(const struct event *e);

/*
 * What may have been a reset that nobody can prove: e has its pattern and facts. Counted for the
 * summary, and never told.
 */
void event_risk(const struct event *e);

/* A close that is no event, with all that is known of it: told, and not counted. */
void event_close(const struct event *e);

/* A line that is no event: what was lost, what is not covered, a mistake in the configuration. */
void event_notice(const char *code, const char *text);

/* The counts by callsite; nothing if there was nothing to tell. At exit, and before a sandbox. */
void event_summary(void);

/* Interns the stack of the door that `caller` returns to: a callsite number, for armed_site. */
unsigned event_callsite(enum op op, const void *caller);

/* True when anything was counted in this process, or lost. */
bool event_any(void);

#endif
