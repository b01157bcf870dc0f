/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_COMPLAINTS_H
#define RSTFIX_COMPLAINTS_H

#include "../policy/rules.h"

/*
 * Mistakes in the environment and in a policy: found by the constructor before there is a log to tell
 * them on, kept, and told once there is one. Each is a line: what, the value, what is allowed.
 */
#define COMPLAINTS 8

struct complaints {
	char text[COMPLAINTS][1024];
	unsigned n;
	unsigned more; /* that found no room */
};

/* An options_complain: row is NULL for a name that is no variable. arg: the struct complaints. */
void complaints_option(void *arg, const struct option *row, const char *name, const char *value);

/* A rules_complain. */
void complaints_rule(void *arg, const struct rule_mistake *m);

/* The log of that path cannot be had, and why; NULL: it can. */
void complaints_log(struct complaints *c, const char *path, const char *why);

/* No counters can be kept in that folder, and why; NULL: they can. */
void complaints_stats(struct complaints *c, const char *folder, const char *why);

/* As notices; and how many found no room. */
void complaints_tell(const struct complaints *c);

#endif
