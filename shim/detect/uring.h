/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_URING_H
#define RSTFIX_URING_H

#include <stdbool.h>

/*
 * io_uring: its operations go past every door, and a ring holds the sockets that were registered with
 * it, and those of the operations in flight. Which ones stands in memory that only the kernel reads. So
 * where the process may have a ring nothing is proven to be the last reference. Told once (law 7).
 */

/* Why an event's fix is not made. */
#define URING_MAY_HOLD "a ring of io_uring may hold it"

/* A ring was made through the door of syscall(). Not in a vfork child. */
void uring_made(void);

/*
 * May there be a ring? One was made through the door, or liburing, whose system calls are its own, was
 * ever found loaded: looked for where the loader has loaded something since. Waits for the loader's
 * lock, so for events only; not in a vfork child.
 */
bool uring_possible(void);

/* What was known at the last look. Any context. */
bool uring_seen(void);

#endif
