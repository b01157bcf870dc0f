/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_TALLY_FIND_H
#define RSTFIX_REPORT_TALLY_FIND_H

#include "tally.h"

/* The entries of a tally, made if they are new. Pointers hold until the next one is made. */

struct site_key {
	struct span pattern, op, program, stack_id;
};

uint32_t tally_site(struct tally *t, const struct site_key *key);
struct part *tally_part(struct tally *t, uint64_t process, uint32_t site);
struct process *tally_process(struct tally *t, uint64_t hash);

/* What tells a process from all others: host, boot, pid and start. */
uint64_t tally_process_hash(const struct line *l);

/* Smaller pieces of adding, which merging needs as well; see tally.c. */
void tally_widen(int64_t *first, int64_t *last, int64_t us);
void tally_take_armed(
	struct tally *t, struct site *s, struct span op, struct span id, int64_t time_us);
void tally_take_site(struct part *p, const struct figures *f, int64_t time_us);
void tally_take_lost(struct process *p, uint64_t lost, int64_t time_us);
void tally_take_notice(
	struct tally *t, struct span code, struct span text, uint64_t count, int64_t time_us);

#endif
