/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_ENDING_H
#define RSTFIX_ENDING_H

#include "../log/event.h"

#include <stdbool.h>

/*
 * The doors that end a program, and all its sockets with it. What is the last reference of a socket
 * is judged as a close is; without proof of that nothing is told, for nothing can be watched
 * afterwards. In fix what is mended is waited for, with what lingers, at most RSTFIX_EXIT. Any
 * context; in a vfork child nothing happens.
 */

/* The program is about to end with this status, by a call that returns to `caller`. */
void ending_process(int status, const void *caller);

/* The same where nothing of the program's runs any more: it holds nothing from now on (family.h). */
void ending_at_once(int status, const void *caller);

/* The same in exit(): libc flushes its streams afterwards, and so they are flushed first here. */
void ending_exit(int status, const void *caller);

/*
 * About to execute another program: sockets with close-on-exec end. `succeeds` is asked before any
 * is judged, and only if there is one: if it says no, nothing is done.
 */
void ending_exec(bool (*succeeds)(const void *arg), const void *arg, const void *caller);

/* It has come back: what was done to a listener for good is undone. Where that was no vfork child's. */
void ending_exec_failed(void);

/* The calling thread is about to end; the program may go on without it. */
void ending_thread(void);

/* The constructor: registers what runs at exit() and quick_exit(). */
void ending_start(void);

#endif
