/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_IN_FLIGHT_H
#define RSTFIX_IN_FLIGHT_H

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
struct in_flight;

/* Around the call. NULL: nothing is noted. */
struct in_flight *in_flight_begin(int in, int out);
void in_flight_end(struct in_flight *call);

static inline struct in_flight *in_flight_enter(int in, int out)
{
	if (__builtin_expect(!((fdhint_get(in) | fdhint_get(out)) & HINT_STREAM), 1))
		return NULL;
#if HAVE_SINGLE_THREADED
	if (__libc_single_threaded && !start_shares_memory)
		return NULL;
#endif
	return in_flight_begin(in, out);
}

static inline void in_flight_leave(struct in_flight *call)
{
	if (__builtin_expect(call != NULL, 0))
		in_flight_end(call);
}

/*
 * May another thread stand in a call that reads from fd, or writes to it? Makes system calls where there
 * is one noted: it may have been cancelled there.
 */
bool in_flight_reads(int fd);
bool in_flight_writes(int fd);

/*
 * fd is about to be closed, and those that write to it go on: the name by which in_flight_writes() knows
 * them from now on, which no descriptor has. 0: there is nobody.
 */
int in_flight_rename(int fd);

/* In a forked child: the other threads are not there. */
void in_flight_forked(void);

#endif
