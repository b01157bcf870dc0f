/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_WATCH_H
#define RSTFIX_WATCH_H

#include "closing.h"

/*
 * RSTFIX_WATCH: a clean close before the peer's FIN, in audit. To the wire a shutdown of both sides is
 * what a close is: FIN now, and RST for whatever comes. It is made in place of the last close, and the
 * reaper holds the socket for a while, to see whether the RST comes. Only where nobody can notice: with
 * proof that it is the last reference, and in a process with one thread, for another one might wait for
 * this very socket, and would be woken up. Else nothing is done, and the close goes on as it is.
 */
void watch_close(struct closing *c, int fd, const struct facts *f, const struct fdrec *rec,
	const void *caller);

#endif
