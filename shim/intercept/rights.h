/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_RIGHTS_H
#define RSTFIX_RIGHTS_H

#include <sys/socket.h>

/*
 * Descriptors that travel (SCM_RIGHTS): one that was sent, or received, may be held by somebody
 * else for ever (law 2). rights_sent() before the call, rights_received() after it.
 */
void rights_sent(const struct msghdr *msg);
void rights_received(struct msghdr *msg);

#endif
