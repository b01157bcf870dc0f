/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_DISCONNECT_H
#define RSTFIX_DISCONNECT_H

#include "../log/event.h"
#include "export.h"

/*
 * connect(AF_UNSPEC) ends a connection by RST, whoever else holds the socket. It is looked at before
 * the call, and told after it: only then is it known to have been one, for the program's address is
 * not read before the kernel has read it. No errno; does nothing in a vfork child.
 */
struct disconnect {
	struct facts facts;
	struct event event; /* PATTERN_NONE: nothing would be reset */
};

void disconnect_look(struct disconnect *d, int fd);
void disconnect_tell(struct disconnect *d, int fd, const void *caller);

/* A socket made here that never connected nor listened has nothing to lose. */
static inline bool disconnect_may_reset(int fd)
{
	const struct fdrec *rec;

	if (!(fdhint_get(fd) & HINT_STREAM))
		return false;
	rec = fdhint_record(fd);
	return rec->role != ROLE_NONE || (rec->flags & REC_LISTENS) || !(rec->flags & REC_MADE);
}

#endif
