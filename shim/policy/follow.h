/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_FOLLOW_H
#define RSTFIX_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>

/*
 * RSTFIX_FOLLOW and RSTFIX_PROGRAMS hold across exec, whatever environment the program hands over.
 *
 * 0: this library is taken out of LD_PRELOAD. 1: what an environment lacks is carried into it, behind
 * a mark: this library (beside what LD_PRELOAD has already), and each RSTFIX_ variable of this
 * process. What is set, even to nothing, stays as it is set: `LD_PRELOAD= command` is not followed.
 * The shim in the executed program takes out again what stands behind the mark, so that the program
 * sees the environment that was made for it (law 3); ld.so uses the last LD_PRELOAD.
 *
 * Works on memory that the caller gives: no allocation, no system call, no errno; after the start any
 * context, a vfork child included.
 */

/*
 * Called once, by the constructor, with the environment of this process. Keeps copies (a program may
 * write over its environment), and takes out of envp what was carried into it.
 */
void follow_start(bool follow, char **envp);

/* The bytes that follow_environment() needs for envp; 0: it is right as it is. */
size_t follow_room(char *const envp[]);

/* envp as it should be, in `room`: which begins with all that stays, in the same order. */
char **follow_environment(char *const envp[], void *room);

/*
 * Takes out of envp what was carried into it: behind the mark nothing of that name is the program's
 * own. False if there is no mark.
 */
bool follow_hide(char **envp);

#endif
