/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_DEFERRED_H
#define RSTFIX_DEFERRED_H

#include "../base/hot.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The reading side of a socket that the program has shut, and that the kernel does not know of yet:
 * what the peer still sends would be answered with RST. A close that comes first lingers instead.
 * Before that, whoever could see the difference makes it real: a read or a wait of the program, a
 * duplicate, another process. What the shim does not see (stdio's own reads, io_uring, a read that a
 * handler has interrupted) is late by DEFERRED_GRACE_MS at most, by which time the reaper has done it.
 *
 * By raw system call, with fixed memory; any context, and nothing happens in a vfork child.
 */

#define DEFERRED_GRACE_MS 200

/* How many there are: most of the time none. */
extern __attribute__((visibility("hidden"))) uint32_t deferred_count;

/*
 * From now on SHUT_RD of fd is due. For the last reference of a socket, in a process without other
 * threads, which may stand in a wait already. False: it cannot be left to a reaper.
 */
bool deferred_add(int fd, uint64_t cookie);

/*
 * Before both sides of fd are shut for real: where output is under way, the filter (trim.h) is
 * attached for as long as a silent peer would be waited for; not where the peer waits for us (trim_waits()).
 */
void deferred_trim(int fd, uint64_t cookie);

/* fd has it still, and its close is to linger. take: whoever lingers takes it off (trim.h). */
bool deferred_is_trimmed(int fd, uint64_t cookie);
bool deferred_take_trimmed(int fd, uint64_t cookie);

/* The program asks for the filter of fd, or is about to change it, or closes fd: that one goes. */
void deferred_untrim(int fd);

/* For a close that lingers: true if it was still due, and then it is no more. */
bool deferred_take(int fd, uint64_t cookie);

/* Makes it real now, of this one or of all. */
void deferred_settle(int fd);
void deferred_settle_all(void);

/* Before whatever could show the difference. */
static inline void deferred_before(void)
{
	if (__builtin_expect(__atomic_load_n(&deferred_count, __ATOMIC_RELAXED) != 0, 0))
		deferred_settle_all();
}

/*
 * The calling thread is about to end. Where it is the first one, the reaper does not come to the
 * program's descriptors any more (helper.h, before Linux 6.9): nothing is left to it from here on.
 */
void deferred_leader_ends(void);

/*
 * The reaper's turns: those whose time is over (start_now_ms()); all, before it ends. True while some
 * are left to be looked at.
 */
bool deferred_look(uint32_t now);
bool deferred_end(void);

/* In a forked child: they are the parent's. */
void deferred_forked(void);

#endif
