/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_POLICY_H
#define RSTFIX_POLICY_H

#include "rules.h"

/*
 * Where rules come from: RSTFIX_POLICY, then the file that RSTFIX_POLICY_FILE names. Memory is mapped,
 * once. By raw system call: usable in the constructor.
 */

#define POLICY_FILE_MAX (1U << 20)

/*
 * Fills r with the rules of `text` (NULL: none) and those of the file at `path` (NULL: none), whose
 * name must outlive r. Tells every mistake and returns how many; then r has no rules.
 */
unsigned policy_load(
	struct rules *r, const char *text, const char *path, rules_complain *complain, void *arg);

/*
 * The rules of this process, whose program has that name. Called once, by the constructor; paths and
 * texts need not outlive it.
 */
unsigned policy_start(const char *text, const char *path, const char *program,
	rules_complain *complain, void *arg);

/* What policy_start() has read; without rules until then, and after a mistake. */
const struct rules *policy_rules(void);

#endif
