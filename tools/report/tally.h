/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_TALLY_H
#define RSTFIX_REPORT_TALLY_H

#include "line.h"
#include "log/callsite.h"
#include "memory.h"
#include "peers.h"
#include "pending.h"
#include "stacks.h"
#include "timeline.h"

/*
 * The events of logs, summed up by callsite: pattern, operation, program and stack_id. A tally belongs
 * to one thread; two are put together by tally_merge(), and give the same in every order.
 *
 * A process that has a counter file (counters.h) is counted by it; one that has told its counts at its
 * end by these, which also know the figures of what the rate held back. Of the others the lines are added
 * up.
 */

enum counted { BY_LINES, BY_SUMMARY, BY_COUNTERS, COUNTED_COUNT };

struct site {
	const char *pattern, *op, *program, *stack_id; /* words; stack_id "" where not known */
	const char *armed_op, *armed_id;	       /* of the first event that tells; "" */
	int64_t armed_us;
	struct figures sum; /* after tally_end() */
	uint64_t
		held; /* events held back by the rate, in count, of which the figures are unknown */
	uint64_t sources[COUNTED_COUNT]; /* processes, by what has counted them here */
	uint64_t roles[2];		 /* events as server, as client */
	int64_t first_us, last_us;	 /* LINE_UNKNOWN: no event was told */
	struct peers peers;
	struct timeline timeline;
};

/* One process at one callsite. */
struct part {
	uint32_t site;
	uint64_t process; /* a hash */
	struct figures told, summed;
	uint64_t held, lingering; /* the latter: told so, without an end */
	bool counters;		  /* summed is what a counter file says */
	int64_t summed_us;	  /* the last summary's time */
};

struct process {
	uint64_t hash, lost;
	int64_t lost_us;
};

struct notice {
	const char *code, *text; /* text: the first one's */
	uint64_t count;
	int64_t time_us;
};

struct tally {
	struct words words;
	struct stacks stacks;
	struct site *sites;
	struct part *parts;
	struct process *processes;
	struct notice *notices;
	size_t site_count, site_room, part_count, part_room, process_count, process_room;
	size_t notice_count, notice_room;
	struct table site_table, part_table, process_table;
	uint64_t lines, events; /* events: rst lines */
	uint64_t bad;		/* lines that are no event, summary or notice in JSON */
	uint64_t truncated;	/* last lines without an end */
	uint64_t counter_files, counter_files_alone; /* the latter: of processes that no log has */
	uint64_t unplaced; /* events that counter files have without their callsite */
	uint64_t lost;	   /* after tally_end(): lines that the shim could not write */
	int64_t first_us, last_us;
};

struct tally *tally_new(void);
void tally_free(struct tally *t);

/* What has to be known in the order of the log: a closing began to linger, or has ended. */
struct moment {
	uint64_t key; /* of the socket; 0: nothing */
	uint32_t part;
	bool begins;
};

/* Adds one line. *m is to be given to pending_begin() or pending_end(), block after block. */
void tally_line(struct tally *t, const struct line *line, struct moment *m);

void tally_merge(struct tally *into, const struct tally *from);

/* To be called last: sums up, and puts the sites in order, the most destroyed bytes first. */
void tally_end(struct tally *t);

void figures_add(struct figures *into, const struct figures *from);

/* All sites' events, and each site's timeline made as coarse as that of all. To be freed. */
void tally_timeline(struct tally *t, struct timeline *all);

#endif
