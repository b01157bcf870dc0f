/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_PYTHON_H
#define RSTFIX_PYTHON_H

#include <stdint.h>

/*
 * The Python functions that this thread is in, where the process is CPython 3.11. Read out of the
 * interpreter's structures without the GIL and without a call that could take it: a thread's own frames
 * stay as they are while it stands in a hook. Only the end of the interpreter frees those of a daemon
 * thread at any moment, so all is read by process_vm_writev(), which fails where a load would crash.
 */

#define PYTHON_MAX 32 /* frames that are told of one stack */

/*
 * A frame as the interpreter has it: the same code at the same place has the same two addresses. Code
 * that was thrown away leaves its address to other code, so its names count as well.
 */
struct python_frame {
	uint64_t code, at;
	uint64_t names; /* hash of file, function and first line */
};

struct python_stack {
	unsigned count;
	struct python_frame frames[PYTHON_MAX];
};

/* A function of the program's language. */
struct language_frame {
	uint32_t file;	   /* as the number of a module (module.h); 0: unknown */
	uint32_t function; /* in the strings; 0: unknown */
	uint32_t line;	   /* 0: unknown */
};

/* Called by the constructor: is this CPython, and of a version that is known? */
void python_start(void);

/* This thread's frames, innermost first, at most max of them; none where there are none. Any context. */
void python_stack(struct python_stack *s, unsigned max);

/* Names them: frames[s->count]. */
void python_resolve(const struct python_stack *s, struct language_frame *frames);

#endif
