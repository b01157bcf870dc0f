/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_CELLS_H
#define RSTFIX_CELLS_H

#include "detect/verdict.h"
#include "judge.h"

/*
 * The table of cells: every pattern of verdict.h by every operation of it. Which victim stands for a
 * pattern comes from what is claimed of the victims, which door or call leads to an operation from
 * the tables of those; all that is written down here are the cells that cannot exist.
 */

/* Why this pattern never comes by this operation; NULL: it can, and some trial has to show it. */
const char *cells_impossible(enum pattern pattern, enum op op);

/* PATTERN_COUNT for a claim without one. */
enum pattern cells_pattern(const struct claim *c);

/*
 * The i-th of the claims that stand for a pattern, an intent, a rule and what can be varied in it, in
 * the order of the patterns, and one without a pattern at last; NULL: there are no more.
 */
const struct claim *cells_scene(size_t i);

/*
 * The n-th way that the victim of this claim can go: the name of a door, or of a call where the claim
 * is about an error; NULL: there are no more. The first one is what it does by itself.
 */
const char *cells_way(const struct claim *c, size_t n);

/* The operation that the event of this victim names after going that way. */
enum op cells_op(const struct claim *c, const char *way);

#endif
