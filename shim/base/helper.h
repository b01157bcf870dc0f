/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_HELPER_H
#define RSTFIX_HELPER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The shim's one thread. Made by clone() with a stack and a thread-local area of its own:
 * pthread_create() allocates and takes locks, and what needs the thread may stand in a signal
 * handler. All signals are blocked in it, and its descriptor table is its own and empty: what it
 * holds is seen neither by the program nor by its children. libc does not know of it: what libc
 * tells to all its threads (setuid) does not reach it. Needs Linux 5.9.
 */

/*
 * Starts fn in the thread and waits until it has its table. False: it cannot be had (the kernel,
 * RLIMIT_NPROC, a sandbox), or it is just being made or ending. Any context but a vfork child.
 */
bool helper_start(int (*fn)(void));

/* Waits until it has ended, at most ms milliseconds. */
bool helper_await_end(uint32_t ms);

/* It is there, and counts among the threads of this process. */
bool helper_running(void);

/* In a forked child there is none. */
void helper_forked(void);

/* Called by the thread itself? Its descriptor numbers are not the program's. */
bool helper_is_self(void);

/*
 * A descriptor of the program's, duplicated into the thread's table: to be closed by the caller.
 * -errno: not open there. `thread`: one that has it, or 0. Once the first one has ended it is borrowed
 * from that, or from any (Linux 6.9): ESRCH where there is none, EBADF before 6.9.
 */
int helper_borrow(int fd, int thread);

#endif
