/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_FAMILY_H
#define RSTFIX_FAMILY_H

#include "../base/fdhint.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What a fork or a duplicate takes from owner.h's proof, a count gives back: from the first fork or dup
 * of a socket that was proven until then, each of its holders in the fork family is counted (holders.h),
 * and the last one is proven again. Every door by which a holder comes or goes calls one of these
 * functions; one that is not seen leaves the count too high. Where a count could come to be too low, it
 * is given up: two forks at a time, a duplicate or a close while a process is made.
 *
 * No system call is made but where it is said, and nothing is waited for. Any context; a vfork child calls
 * family_taken() alone, whose one byte is as true of its parent's descriptor.
 */

/*
 * Before a process is made that gets a copy of all descriptors: enters DOOR_FORK, and counts them for
 * it. What was never counted, and was proven, is from now on; that may take a system call for a socket
 * that has seen processes execute. True: they are counted, and family_fork_undone() takes them back
 * where no such process has come of it.
 */
bool family_fork_begin(void);
void family_fork_undone(void);

/* In the child, before anything else is asked of it. */
void family_forked(void);

/* DOOR_SPAWN or vfork() was entered: what is not close-on-exec lives on in the program executed. */
void family_spawn_begin(void);

/* Around the call that duplicates a socket. False: nothing is to be ended. */
bool family_dup_begin(int fd, struct fdrec *rec);
void family_dup_end(struct fdrec *rec, bool made);

/* This socket goes where nobody counts: it was sent, or is to be a spawned child's. */
void family_given(struct fdrec *rec);

/* Close-on-exec is about to be taken away from it. */
void family_exposed(struct fdrec *rec);

/* A vfork child has duplicated it, sent it, or taken close-on-exec away. */
void family_taken(struct fdrec *rec);

/* The record is not this socket's: another one was opened under its number behind our back. */
void family_forget(struct fdrec *rec);

/*
 * Around the call that closes a number whose record has a counter. The handle of what was let go, or 0;
 * *last: nobody else held it. The call is no cancellation point then. `closed`: it has succeeded.
 */
uint64_t family_close_begin(struct fdrec *rec, bool *last);
void family_close_end(uint64_t handle, bool closed);

/* Of what was let go: the last holder will know that he is it; he has known it, and is gone. */
bool family_counts(uint64_t handle);
bool family_other_was_last(uint64_t handle);

/* This process ends here: it holds nothing from now on. */
void family_exit(void);

/*
 * The same while libc is still to flush its streams: of the numbers of which `written` says that it will
 * not write to them, and not where other threads may use them until then. One system call where sockets
 * are counted.
 */
void family_exit_by_stdio(bool (*written)(int fd));

/*
 * Around an exec: what is close-on-exec goes with it, and comes back where it has failed. Only in a
 * process with one thread, and where `succeeds`, which is asked once, says that the exec will: until it
 * has failed, others take themselves for the last. A system call for each such socket that is counted.
 */
void family_exec_begin(bool (*succeeds)(const void *arg), const void *arg);
void family_exec_failed(void);

/* This process has taken a socket out of another one, which does not know: pidfd_getfd(). */
void family_robbed(void);

/* Holders have come that were not counted, nobody knows of what: nothing counted so far is proven any more. */
void family_void(void);

#endif
