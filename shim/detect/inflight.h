/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_INFLIGHT_H
#define RSTFIX_INFLIGHT_H

#include "../base/fdhint.h"
#include "../base/host.h"
#include "../base/start.h"

#if HAVE_SINGLE_THREADED
#include <sys/single_threaded.h>
#endif

/*
 * The calls in progress that move data between two descriptors: splice() and sendfile(). Such a call
 * holds both files, and it may wait at the one while the other has room, or input, for all to see. No
 * question to the kernel finds it there, so it is noted; every other call that waits for a socket
 * waits in the socket (mending_thread_may_be()).
 *
 * Only where there are several threads, only with a socket, and by a slot of the thread's own: two stores
 * a call. No lock, no memory. Any context. A thread that leaves its call by cancellation or longjmp() is no
 * matter.
 */
struct inflight;

/* Around the call. NULL: nothing is noted. */
struct inflight *inflight_begin(int in, int out);
void inflight_end(struct inflight *call);

static inline struct inflight *inflight_enter(int in, int out)
{
	if (__builtin_expect(!((fdhint_get(in) | fdhint_get(out)) & HINT_STREAM), 1))
		return NULL;
#if HAVE_SINGLE_THREADED
	if (__libc_single_threaded && !start_shares_memory)
		return NULL;
#endif
	return inflight_begin(in, out);
}

static inline void inflight_leave(struct inflight *call)
{
	if (__builtin_expect(call != NULL, 0))
		inflight_end(call);
}

/*
 * May another thread stand in a call that reads from fd, or writes to it? Makes system calls where there
 * is one noted: it may have been cancelled there.
 */
bool inflight_reads(int fd);
bool inflight_writes(int fd);

/*
 * fd is about to be closed, and those that write to it go on: the name by which inflight_writes() knows
 * them from now on, which no descriptor has. 0: there is nobody.
 */
int inflight_rename(int fd);

/* In a forked child: the other threads are not there. */
void inflight_forked(void);

#endif
