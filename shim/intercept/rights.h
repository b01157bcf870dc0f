/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_RIGHTS_H
#define RSTFIX_RIGHTS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

struct mmsghdr;

/*
 * Descriptors that travel (SCM_RIGHTS): one that was sent, or received, may be held by somebody
 * else for ever (law 2).
 */

#define RIGHTS_MOST 16 /* sent at a time; more lose their proof even if they are not sent */

/* A message in progress. */
struct rights {
	pid_t pid; /* whose it is */
	unsigned count;
	int fds[RIGHTS_MOST]; /* the sockets in it */
};

/*
 * Around the call that sends. They are marked before it: the receiver may have them, and another thread
 * or a handler close them here, while a long message is still under way. Nobody has read what the
 * program's pointers lead to by then.
 */
void rights_begin(struct rights *rights, const struct msghdr *msg);
void rights_begin_many(struct rights *rights, const struct mmsghdr *msgs, unsigned count);
void rights_end(const struct rights *rights, bool sent);

/*
 * By a TCP socket none travels. Should the number be another's, unseen, it is marked after the call: to look
 * before it may take a system call, which a busy one is spared.
 */
void rights_sent(const struct msghdr *msg);

/*
 * After a call that has succeeded, for then the kernel has read what the program's pointers lead to.
 * `count`: as many messages as it took.
 */
void rights_received(struct msghdr *msg);
void rights_received_many(struct mmsghdr *msgs, int count);

int rf_syscall_pidfd_getfd(int pidfd, int fd, unsigned flags);

#endif
