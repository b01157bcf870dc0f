/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "victims.h"

#include <stdlib.h>

/* `rstfix lab` starts itself as the victim of a trial: NAME DOOR STAGE-DESCRIPTOR. */
int cmd_victim(int argc, char **argv)
{
	struct stage *stage = argc == 4 ? stage_map(atoi(argv[3])) : NULL;

	return stage ? victim_play(argv[1], argv[2], stage) : 2;
}
