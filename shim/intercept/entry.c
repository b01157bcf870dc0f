/* SPDX-License-Identifier: MIT */
#include "../base/start.h"

/* The loader passes main's arguments to the constructors of a preloaded library (glibc). */
__attribute__((constructor)) static void entry(int argc, char **argv, char **envp)
{
	start(argc, argv, envp);
}
