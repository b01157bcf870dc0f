/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_STATS_H
#define RSTFIX_STATS_H

#include "callsite.h"
#include "render.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * RSTFIX_STATS: the counters of the callsites, mirrored in a mapped file that others can read without
 * this process's help, and that stays as it is when the process is killed. Made at the first event. An
 * event at a callsite that is there costs a few atomic operations on memory; no system call, no lock.
 *
 * The folder is best on tmpfs: the first store to a page of a file on a disk after it was written back can
 * wait for that disk. File systems on which it could also fail, and kill the program, are refused (law 4).
 */

/*
 * Takes the configuration of `self`. Called by the constructor. Returns NULL, or why nothing can be
 * counted there; nothing is then.
 */
const char *stats_start(void);

/* In a forked child: the file is its parent's. Its own is made at its first event. */
void stats_forked(void);

/* Is the file still to be made? Then stats_open() is called by the event that is being told. */
bool stats_due(void);

/*
 * Makes the file, and counts there what was counted before. Returns NULL, or why it cannot be made;
 * nothing is counted then, and stats_due() is false from now on. Any context but a vfork child.
 */
const char *stats_open(const struct origin *o);

/* The counters of s were raised for an event with this action and outcome. */
void stats_count(struct callsite *s, enum action action, enum outcome outcome);

/* So many lines of the log were lost, all in all. */
void stats_lost(uint64_t lines);

#endif
