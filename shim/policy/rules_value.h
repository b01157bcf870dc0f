/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_RULES_VALUE_H
#define RSTFIX_RULES_VALUE_H

#include "rules.h"

/*
 * The readers of one item of a key's value, and of one option: parts of the parser (rules_parse.c).
 * False: not legal.
 */
bool rules_value_ports(struct span s, struct rule_item *item);
bool rules_value_net(struct span s, struct rule_item *item);
bool rules_value_program(struct span s, struct rule_item *item);
bool rules_value_callsite(struct span s, struct rule_item *item);

/* role, intent, status: the bits of rule_head.is that the word stands for. */
bool rules_value_word(enum rule_key key, struct span s, uint32_t *is);

/* All bits of that key that are a known value, and all that it has. */
uint32_t rules_value_known(enum rule_key key);
uint32_t rules_value_all(enum rule_key key);

/* The word for bits of that key that stand for one value; from 0 on, NULL at the end. */
const char *rules_value_name(enum rule_key key, unsigned i, uint32_t *is);

/* idle, total, bytes, rate: the OPTION_ that it is, filled into the rule; 0: no such option. */
unsigned rules_value_option(struct span name);
bool rules_value_set(struct rule *rule, unsigned option, struct span value);

#endif
