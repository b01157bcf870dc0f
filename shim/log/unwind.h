/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_UNWIND_H
#define RSTFIX_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define UNWIND_MAX 64

/*
 * Loads libunwind by dlopen(RTLD_LOCAL), so that its _Unwind_ symbols capture nobody's exceptions,
 * and uses it once: the first use allocates. Called by the constructor. Without libunwind every
 * stack is the caller alone. Returns NULL, or why there is none.
 */
const char *unwind_start(void);

/*
 * In a forked child of a threaded process: a lock of the loader may be held for ever. Before
 * unwind_start(): it loads nothing.
 */
void unwind_caller_only(void);

/* Memory is probed by what valgrind does not take for an access. Before unwind_start(). */
void unwind_under_valgrind(void);

/*
 * A module was unloaded: another one may lie at its addresses from now on, with other frames. The
 * fast path, whose caches know nothing of that, is not used any more.
 */
void unwind_unloaded(void);

/* Raised by unwind_unloaded(): an address of an earlier epoch may mean something else. */
unsigned unwind_epoch(void);

/* True in a child where nothing may wait for the loader's lock. */
bool unwind_is_caller_only(void);

/*
 * The stack of the program, innermost first, without the shim's own frames: return addresses, one
 * past the call. `caller` is the return address of the door; it stands in where unwinding fails.
 * Any context. Returns how many.
 */
unsigned unwind_stack(void **frames, unsigned max, const void *caller);

/*
 * libunwind probes memory by writing it to a pipe of its own. If the program closed that pipe and
 * its own socket got the number, a byte would be stolen. So the pipe is none: libunwind is given
 * two numbers beyond every possible descriptor, and the doors answer in the kernel's place.
 */
bool unwind_is_caller(const void *return_address); /* is this libunwind calling? */
ssize_t unwind_probe_read(void);		   /* as an empty non-blocking pipe */
ssize_t unwind_probe_write(const void *buf, size_t len);

#endif
