/* SPDX-License-Identifier: MIT */
#include "../base/start.h"
#include "ending.h"
#include "export.h"

#include <errno.h>

/* The loader passes main's arguments to the constructors of a preloaded library (glibc). */
__attribute__((constructor)) static void entry(int argc, char **argv, char **envp)
{
	int saved = errno; /* main() starts with 0, and some programs build on it */

	start(argc, argv, envp);
	if (watched(0))
		ending_start();
	errno = saved;
}
