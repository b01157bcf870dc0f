/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_GIVING_H
#define RSTFIX_GIVING_H

#include "../base/fdhint.h"

#include <stdbool.h>

/*
 * Around the call that sends a socket: somebody holds it besides from here on, until it is known that
 * nobody was given it. A thread that is cancelled in the call leaves it so. No system call; any context
 * but a vfork child.
 */
void giving_begin(struct fdrec *rec);
void giving_end(struct fdrec *rec, bool given);

#endif
