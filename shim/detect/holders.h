/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_HOLDERS_H
#define RSTFIX_HOLDERS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How many descriptors hold a socket, counted by all processes of one fork family: a MAP_SHARED area
 * that is inherited over fork and gone at exec. A counter may be too high (a holder was killed), never
 * too low: whoever makes a holder counts it first. Nothing here makes a system call but
 * holders_start(), or touches a socket; any context, a vfork child's too.
 *
 * A counter is known by its handle, which stands in the socket's record and is copied with it (0: none).
 * The counters are a ring: the oldest one gives way to the newest. A handle whose counter has given way,
 * or whose epoch is over, proves nothing any more.
 */

/* No count: no such counter any more, its epoch is over, or it was spoilt. */
#define HOLDERS_UNKNOWN UINT32_MAX

/* Maps the area. Called once, by the constructor; without it there are no counters. */
void holders_start(void);
bool holders_started(void);

/*
 * Ends the epoch: every counter of the family is void, also one that is just being made by somebody
 * who has read the epoch before.
 */
uint32_t holders_epoch(void);
void holders_void(void);

/* There is no epoch after this one: nothing is proven in this family any more, by whatever proof. */
void holders_end(void);
bool holders_ended(void);

/* A counter that stands at `count`, of that epoch. 0: none. */
uint64_t holders_new(uint32_t epoch, uint32_t count);

uint32_t holders_count(uint64_t handle);

/* Return the count as it is then. One that has come to 0 stays there: HOLDERS_UNKNOWN. */
uint32_t holders_add(uint64_t handle);
uint32_t holders_drop(uint64_t handle);

/* False: it was the last one, or is not known, and stays as it is. */
bool holders_drop_unless_last(uint64_t handle);

/* Somebody holds it who cannot be counted. */
void holders_spoil(uint64_t handle);

#endif
