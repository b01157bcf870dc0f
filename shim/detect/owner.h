/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_OWNER_H
#define RSTFIX_OWNER_H

#include "../base/fdhint.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Is this descriptor the last reference of its socket? (law 2) User space cannot read the kernel's
 * count; the proof is provenance: made here, never duplicated or sent, and no process made since
 * that could have kept it. Every function may be called from signal handlers and forked children.
 *
 * A process door (fork, vfork, clone; or one that only executes: system, popen, wordexp, posix_spawn) is an
 * epoch raised at entry and at return, with a count of the calls in flight above it. A socket is
 * marked with what stood there before the call that made it: whatever came in between shows.
 */
enum door { DOOR_FORK, DOOR_SPAWN };

#define OWNER_IN_FLIGHT (UINT64_C(1) << 40)

/* vfork() in flight, in the state of DOOR_FORK; it raises the epoch of DOOR_SPAWN. */
#define OWNER_VFORK (UINT64_C(1) << 52)

struct owner_mark {
	uint64_t forks;
	uint64_t spawns;
};

/* The states of the doors; vfork's assembly adds to them (intercept/process.c). */
extern __attribute__((visibility("hidden"))) uint64_t owner_forks, owner_spawns;

/* Returns the state as it was before. */
uint64_t owner_enter(enum door door);
void owner_leave(enum door door);
bool owner_door_open(void); /* one of them is in flight */

/* Its threads have several tables of descriptors from here on: nothing is proven any more. */
void owner_split(void);

/* To be called before the system call that makes a socket. */
struct owner_mark owner_mark(void);

/* rec was made here, by a call that `mark` preceded. */
void owner_made(struct fdrec *rec, const struct owner_mark *mark, bool cloexec);

/* In a forked child: whatever was inherited is shared with the parent. */
void owner_forked(void);

/* True while a vfork child may run in this process's memory, or a fork is in flight. */
bool owner_vfork_running(void);

/* Made here, never duplicated or sent, and no process made between that and `now`. */
bool owner_made_alone(int fd, const struct fdrec *rec, const struct owner_mark *now);

/* Nothing that executes has come since it was made: made close-on-exec now, it is as if it always was. */
bool owner_unspawned(const struct fdrec *rec);

/*
 * Another process has, or may have, held it: what is set on it may be theirs. owner_is_shared(): and does
 * so now, but for programs that were executed, of which nobody knows how long they do. False is no proof of
 * anything. No system call.
 */
bool owner_was_shared(const struct fdrec *rec);
bool owner_is_shared(const struct fdrec *rec);

/*
 * Proof that fd, whose record is rec and whose SO_COOKIE the kernel tells, is the last reference: it
 * was made alone, or its holders are counted (family.h) and this is the only one. A record without a
 * cookie (audit asks for none) may have outlived its socket: good enough for an event, not for a fix.
 */
bool owner_sole(int fd, const struct fdrec *rec, uint64_t cookie);

/*
 * The same of several: its holders are counted, and there are this many. Whoever has as many numbers of
 * it, and ends them all at a time, is the last.
 */
bool owner_counted(const struct fdrec *rec, unsigned numbers);

/*
 * For a socket without that proof: ask the kernel after the close. An epoll registration is
 * deleted with the last reference, so a registration that still reports lives on in somebody
 * else's hands. owner_watch() returns a descriptor, or -1; owner_still_held() closes it. `fd` is the number
 * that was watched, and is closed. OWNER_UNKNOWN: neither kcmp nor /proc can be asked, and it is not ready.
 */
enum owner_answer { OWNER_GONE, OWNER_HELD, OWNER_UNKNOWN };

int owner_watch(int fd);
enum owner_answer owner_still_held(int watch, int fd);

/*
 * The parent process has it as well, under the same number or as a standard stream (kcmp): a shell, of
 * what it has started. False says nothing.
 */
bool owner_parent_holds(int fd);

#endif
