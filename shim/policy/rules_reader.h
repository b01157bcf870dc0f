/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_RULES_READER_H
#define RSTFIX_RULES_READER_H

#include "rules_value.h"

/*
 * The parser's two halves: rules_parse.c cuts a text into rules and words, rules_keys.c reads the
 * words into the rule at hand. A mistake is told where it is found, and reading goes on behind it.
 */
struct reader {
	struct rules *r;
	const char *source;
	const char *at, *end;
	const char *line_start;
	uint32_t line;
	rules_complain *complain;
	void *arg;
	unsigned mistakes;
	struct rule *rule; /* the one being read, and what becomes of it */
	struct rule_head head;
	uint32_t items;
};

void reader_mistake(struct reader *in, struct span word, const char *what, const char *allowed);

void reader_patterns(struct reader *in, struct span list);
void reader_condition(struct reader *in, struct span word); /* KEY=VALUE */
bool reader_action(struct reader *in, struct span word);    /* false: a mistake */
void reader_option(struct reader *in, struct span word);    /* OPTION=VALUE */

/* Once the rule is whole: its head's packed ports and network. */
void reader_pack(struct reader *in);

#endif
