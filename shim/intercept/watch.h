/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_WATCH_H
#define RSTFIX_WATCH_H

#include "closing.h"

/*
 * RSTFIX_WATCH: a clean close before the peer's FIN, in audit. To the wire a shutdown of both sides is
 * what a close is: FIN now, and RST for whatever comes. It is made in place of the last close, and the
 * reaper holds the socket for a while, to see whether the RST comes. Only where nobody can notice: with
 * proof that it is the last reference, and where no other thread can wait for this very socket, which
 * would be woken up: a blocking one only in a process with one thread. Else nothing is done, and the
 * close goes on as it is.
 */
void watch_close(struct closing *c, int fd, const struct facts *f, const struct fdrec *rec,
	const void *caller);

/*
 * The same for a socket that is still open when the process ends, and has been flushed. The reaper sees
 * what is reset until the FIN is acknowledged: all that the peer had sent before it saw the FIN.
 */
void watch_end(struct event *e, int fd, const struct facts *f, const struct fdrec *rec,
	const void *caller);

#endif
