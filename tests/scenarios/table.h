/* SPDX-License-Identifier: MIT */
#ifndef TABLE_H
#define TABLE_H

#include "cells.h"

#include <stdbool.h>

/* Which cells the scenarios of this run show, and that none is missing. */

/* A scenario of this claim, by this door or call, in this mode. */
void table_note(const struct claim *c, const char *way, enum judge_mode mode);

/*
 * Prints the table, a pattern a line, on standard output. False: a cell is shown neither in audit nor
 * in fix though nothing says why, or is shown though it is said to be impossible.
 */
bool table_is_whole(void);

#endif
