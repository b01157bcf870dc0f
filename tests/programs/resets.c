/* SPDX-License-Identifier: MIT */
/* Closes connections with unread data, and then says so on standard output. usage: resets COUNT */
#include <stdio.h>

#include "victim.h"

int main(int argc, char **argv)
{
	int count = argc == 2 ? atoi(argv[1]) : 1;

	for (int i = 0; i < count; i++)
		reset_one();
	printf("done %d\n", count);
	return 0;
}
