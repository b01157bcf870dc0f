/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_CLOSING_H
#define RSTFIX_CLOSING_H

#include "../base/signals.h"
#include "../log/event.h"

#include <sys/socket.h>

/*
 * The one path of everything that ends a descriptor: judge, act, tell; then the door makes the real
 * call. errno is not touched. In a vfork child nothing happens.
 *
 *	closing_begin(&c, fd, OP_CLOSE, caller, true);
 *	r = libc_close(fd);
 *	closing_end(&c);
 */
struct closing {
	bool cancellable; /* the real call is a cancellation point */
	bool judged;	  /* counted in start_busy() */
	int watch;	  /* owner.h; -1: nothing is left to be told after the close */
	bool shared;	  /* this process has duplicated, sent or received it */
	bool last;	  /* of its holders, which are counted */
	uint64_t holders; /* family.h: what was let go; 0: nothing */
	struct signals signals;
	struct event event;
};

/* Why an event's fix is not made. */
#define CLOSING_UNPROVEN "no proof that this was the last reference"

/* fd has a hint. Forgets the hint; a fix may wait here, within its bounds. */
void closing_begin(struct closing *c, int fd, enum op op, const void *caller, bool cancellable);
void closing_end(struct closing *c);

/* Between the two: the real call has failed, and has closed nothing. */
void closing_failed(struct closing *c);

/* For closing_end(), where nothing is to be closed. */
static inline void closing_none(struct closing *c)
{
	c->watch = -1;
	c->judged = false;
	c->holders = 0;
}

/* As syscall(SYS_close), for doors that close many: begin, the real close, end. */
void closing_whole(int fd, enum op op, const void *caller);

/*
 * The steps of it, which the doors at a program's end take in their own order (ending.c). e has its
 * operation, and is otherwise empty.
 *
 * closing_harmless(): nothing unread, no linger 0; and in fix, nothing that what the peer still sends
 * could destroy. *unread, 0 before, is what was asked of the kernel.
 * closing_verdict(): the pattern; false: none. closing_decide(): what is done about it; false: nothing,
 * and nothing is told.
 */
bool closing_harmless(int fd, const struct fdrec *rec, int *unread);
bool closing_verdict(struct event *e, struct facts *f, int fd, const struct fdrec *rec, int unread);
bool closing_decide(struct event *e, const struct facts *f, int fd, const struct fdrec *rec,
	const void *caller);

/*
 * Nobody knows who else has it: the kernel is asked, at a program's end, where closing it a moment before
 * changes nothing. Told if it was the last.
 */
void closing_unproven(int fd, struct event *e);

/*
 * Before a mend: from here on nobody makes a deferred SHUT_RD real. False: somebody has, and nothing has
 * come that could be mended.
 */
bool closing_still_due(int fd, const struct event *e);

/* The doors themselves, which syscall() shares with libc's names. */
int rf_syscall_close(int fd, const void *caller);
int rf_close_range(unsigned first, unsigned last, int flags, const void *caller);
int rf_dup(int fd);
bool dup_other_seen(void); /* what is no TCP socket was duplicated: an epoll perhaps */
bool dup_async_seen(void); /* this process has used O_ASYNC */
long rf_fcntl(int fd, int cmd, long arg);
int rf_syscall_ioctl(int fd, unsigned long request, void *arg);
long rf_own_identity(long number, long a, long b, long c); /* SYS_set*id, SYS_capset */
int rf_chroot(const char *path);
void rf_before_limit(pid_t pid, int resource, const void *limit); /* setrlimit(), prlimit() */
int rf_dup2(int fd, int target, const void *caller);
int rf_dup3(int fd, int target, int flags, const void *caller);
int rf_syscall_socket(int domain, int type, int protocol);
long rf_syscall_listen(int fd, int backlog);
int rf_syscall_accept(long number, int fd, void *addr, socklen_t *len, int flags);
int rf_syscall_connect(int fd, const void *addr, socklen_t len, const void *caller);
int rf_shutdown(int fd, int how, const void *caller);
int rf_setsockopt(
	int fd, int level, int name, const void *value, socklen_t len, const void *caller);
void rf_split_tables(void); /* this thread gets a descriptor table of its own */
int rf_unshare(int flags);
int rf_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int rf_seccomp(unsigned operation, unsigned flags, void *args);

#endif
