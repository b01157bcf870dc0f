/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_EXIT_H
#define RSTFIX_EXIT_H

#include "../log/event.h"
#include "drain.h"
#include "hold.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The rescue at a program's end: sockets that end with it are drained, all together, until their
 * output is acknowledged, and what came of it is told. They stay open, for writing too: threads,
 * handlers and stdio may still use them, and the end itself sends the FIN. In the
 * calling thread, for at an end there may be no other to be had. By raw system call, no allocation
 * but one mapping; any context but a vfork child, one caller at a time.
 */

/* Nothing has been added yet: not by this process, that is, perhaps a fork of one that waits. */
void exit_begin(void);

/*
 * fd, known to be the last reference, is to be waited for. False: there is no room for it here
 * (RSTFIX_LINGER, sockets=).
 */
bool exit_add(int fd, const struct event *e, const struct drain_bounds *b);

/*
 * fd, not known to be the last reference, is only held (hold.h): not read, and closed in the end only
 * where `closes` says that nobody uses that number any more; else nothing is told.
 */
bool exit_hold(int fd, const struct fdrec *rec, const struct event *e, bool closes);

/*
 * Waits for what was added, at most until this moment (start_now_ms()). What is not delivered by then
 * is left to the kernel, where a filter may be attached (trim.h).
 */
void exit_settle(uint32_t until_ms);

#endif
