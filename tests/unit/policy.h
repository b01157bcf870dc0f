/* SPDX-License-Identifier: MIT */
#ifndef UNIT_POLICY_H
#define UNIT_POLICY_H

/* What the tests of rules share: a policy read out of memory that is gone afterwards. */

#include "policy/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct rules rules;
static void *room;
static char said[8192]; /* the mistakes, a line each */

static inline void tell(void *arg, const struct rule_mistake *m)
{
	struct text t = text_on(said + strlen(said), sizeof(said) - strlen(said));

	(void)arg;
	rules_mistake_text(&t, m);
	text_char(&t, '\n');
	text_end(&t);
}

static inline unsigned read_rules(const char *text)
{
	size_t len = strlen(text);
	char *copy = strdup(text);
	unsigned mistakes;

	free(room);
	room = calloc(1, rules_room(len, 1));
	said[0] = 0;
	rules_begin(&rules, room, len, 1);
	mistakes = rules_read(&rules, "policy", (struct span){copy, len}, tell, NULL);
	memset(copy, 'x', len); /* nothing may point there any more */
	free(copy);
	return mistakes;
}

static inline void read_good(const char *text)
{
	if (read_rules(text) != 0)
		fail_msg("%s: %s", text, said);
}

static inline int release(void **state)
{
	(void)state;
	free(room);
	room = NULL;
	return 0;
}

#endif
