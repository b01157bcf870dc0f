/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REACH_H
#define RSTFIX_REACH_H

#include "policy/rules.h"

/* Which rules can never decide anything: for a person who has written them in the wrong order. */
struct reach {
	const char *contradiction; /* why the rule matches nothing at all, or NULL */
	const struct rule *before; /* NULL, or an earlier rule that takes all of it, or a part: */
	bool several;		   /* then other earlier rules take the rest */
};

/*
 * Can the rule decide? False: never, for the reason in *why. What is said is certain; a rule that
 * only many others together make superfluous, or that globs hide, may go unnoticed.
 */
bool reach_possible(const struct rules *r, const struct rule *rule, struct reach *why);

#endif
