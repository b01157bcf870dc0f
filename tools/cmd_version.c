/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <stdio.h>

#ifndef RSTFIX_VERSION
#error "RSTFIX_VERSION comes from the Makefile"
#endif

int cmd_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("rstfix %s\n", RSTFIX_VERSION);
	return 0;
}
