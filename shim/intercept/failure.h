/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_FAILURE_H
#define RSTFIX_FAILURE_H

#include "../log/event.h"

/*
 * The receiving side: an error of the connection that a call has returned, told once a connection.
 * errno is not touched. Does nothing in a vfork child, and for errors that are no pattern.
 */
void failure_tell(int fd, int error, bool writing, enum op op, const void *caller);

/*
 * Before a write to a socket whose end of file the program has read: notes the first such write,
 * and tells the one that is going to raise SIGPIPE.
 */
void failure_before_write(int fd, enum op op, const void *caller);

#endif
