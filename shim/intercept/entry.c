/* SPDX-License-Identifier: MIT */
#include "../base/start.h"
#include "../fix/linger.h"
#include "../log/unwind.h"
#include "ending.h"
#include "export.h"

#include <errno.h>
#include <unistd.h>

/* Who watches over the program's memory and threads: bound by the loader, or missing. */
extern void __tsan_init(void) __attribute__((weak));
extern void _vgnU_freeres(void) __attribute__((weak)); /* of valgrind's own preload */

/*
 * A thread that libc does not know of has no state in ThreadSanitizer, whose memcpy() would fault in it;
 * and valgrind 3.19 lacks the system calls that it takes.
 */
static void yield_to_checkers(void)
{
	if (__tsan_init)
		unwind_caller_only();
	if (_vgnU_freeres)
		unwind_under_valgrind();
	if (__tsan_init || _vgnU_freeres)
		linger_forbid();
}

/* The loader passes main's arguments to the constructors of a preloaded library (glibc). */
__attribute__((constructor)) static void entry(int argc, char **argv, char **envp)
{
	int saved = errno; /* main() starts with 0, and some programs build on it */

	yield_to_checkers();
#if !HAVE_ENTRY_ARGUMENTS
	argc = 1;
	argv = &program_invocation_name;
	envp = environ;
#endif
	start(argc, argv, envp);
	if (watched(0))
		ending_start();
	errno = saved;
}
