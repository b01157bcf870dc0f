/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_SLOTS_H
#define RSTFIX_SLOTS_H

#include "linger.h"

/*
 * The sockets that linger, a slot each, in fixed memory: read until the peer's FIN, ended at the limits,
 * and told. Used by the reaper's thread alone, but for slots_prepare(). Times are start_now_ms().
 */

/* Maps the slots; once, for at most `sockets`. False: no memory. */
bool slots_prepare(uint32_t sockets);

/* All free again: a new thread begins, with a descriptor table of its own. */
void slots_begin(void);

uint32_t slots_active(void);

/* A free slot's number, to be filled, and then adopted or put back; 0: none is free. */
uint32_t slots_take(void);
struct parcel *slots_parcel(uint32_t i);
void slots_put_back(uint32_t i);

/* From now on fd, of the thread's own table, lingers in that slot. */
void slots_adopt(uint32_t i, int fd, uint32_t now);

/* Reads what has come; ends what is at the peer's FIN, at a limit, or in the way of others. */
void slots_look_at_ready(uint32_t now);
void slots_look_at_limits(uint32_t now);
void slots_make_room(void);

/* Nothing but output is waited for; if it is late, not that either. */
void slots_settle(bool late);

#endif
