/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_RULES_INDEX_H
#define RSTFIX_RULES_INDEX_H

#include "rules.h"

/*
 * Which of the first rules may fit a port or an address, found by a binary search in place of a look
 * at every rule. A column is a line of values, cut where some rule begins or ends to fit, with a bit
 * for each rule in every piece. A set bit is a maybe: rules.c looks at the rule itself.
 */

#define INDEX_WORDS  2
#define INDEX_RULES  (64 * INDEX_WORDS) /* of a longer policy the rest is looked at one by one */
#define INDEX_PIECES 512

enum { COLUMN_PORT, COLUMN_PEER_PORT, COLUMN_IPV4, COLUMN_IPV6, COLUMNS };

struct rules_index {
	struct column {
		uint32_t pieces; /* 0: no rule asks, or too many pieces */
		uint64_t from[INDEX_PIECES];
		uint64_t fits[INDEX_PIECES][INDEX_WORDS];
	} columns[COLUMNS];
};

/* After all rules are read. */
void rules_index_make(const struct rules *r);

/* Takes the bits of the rules that cannot fit out of `fits`, which has INDEX_WORDS words. */
void rules_index_look(const struct rules *r, const struct rule_query *q, uint64_t *fits);

#endif
