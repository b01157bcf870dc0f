/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_RIGHTS_H
#define RSTFIX_RIGHTS_H

#include <sys/socket.h>

struct mmsghdr;

/*
 * Descriptors that travel (SCM_RIGHTS): one that was sent, or received, may be held by somebody
 * else for ever (law 2). rights_sent() before the call, when nobody has looked at the program's
 * pointers yet: they are read by the kernel's leave only, and what cannot be read is nobody's.
 * rights_received() after a call that has succeeded. No errno.
 */
void rights_sent(const struct msghdr *msg);
void rights_sent_many(const struct mmsghdr *msgs, unsigned count);
void rights_received(struct msghdr *msg);

#endif
