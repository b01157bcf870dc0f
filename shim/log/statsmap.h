/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_STATSMAP_H
#define RSTFIX_STATSMAP_H

#include "render.h"
#include "statsfile.h"

#include <stdbool.h>

/* The counter file itself: made, mapped, and backed by memory before anything is stored to it. */

/* Keeps the folder's absolute path. Returns NULL, or why no counters can be there. Constructor only. */
const char *statsmap_start(const char *folder);

/*
 * Makes a new file of this process, with its header, and maps it to *file; over what is mapped there
 * already, which is the parent's in a forked child. Returns NULL, or why it cannot be made; *again: only
 * at this moment. One thread at a time.
 */
const char *statsmap_make(struct stats_header **file, const struct origin *o, bool *again);

/*
 * Sees to it that the first `end` bytes can be stored to. False: there is no memory, or the kernel cannot
 * tell (before Linux 5.14, beyond what every file begins with). Any context but a vfork child.
 */
bool statsmap_back(struct stats_header *file, uint32_t end);

#endif
