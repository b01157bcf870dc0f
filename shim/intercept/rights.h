/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_RIGHTS_H
#define RSTFIX_RIGHTS_H

#include <sys/socket.h>

struct mmsghdr;

/*
 * Descriptors that travel (SCM_RIGHTS): one that was sent, or received, may be held by somebody
 * else for ever (law 2). Called after a call that has succeeded, for then the kernel has read what
 * the program's pointers lead to; before that nobody has. `count`: as many messages as it took.
 */
void rights_sent(const struct msghdr *msg);
void rights_sent_many(const struct mmsghdr *msgs, int count);
void rights_received(struct msghdr *msg);
void rights_received_many(struct mmsghdr *msgs, int count);

int rf_syscall_pidfd_getfd(int pidfd, int fd, unsigned flags);

#endif
