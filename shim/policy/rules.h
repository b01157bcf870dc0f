/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_RULES_H
#define RSTFIX_RULES_H

#include "../detect/verdict.h"
#include "options.h"

/*
 * From a pattern to what is done about it. Rules of the user's are not read yet: what stands here
 * is the modes' default. Pure; any context.
 */

enum action { ACTION_LOG, ACTION_FIX };

extern const char *const action_names[];

/* What the mode does by default. ACTION_FIX only for what has a mend. */
enum action rules_default(enum mode mode, enum pattern pattern, enum intent intent);

#endif
