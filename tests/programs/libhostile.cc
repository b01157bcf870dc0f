// SPDX-License-Identifier: MIT
// For hostile.c: the name of the inner function is written over in the file, in its full length.
#include <unistd.h>

extern "C" {

__attribute__((noinline, visibility("protected"))) int
PLACE_FOR_A_NAME_OF_SIXTY_FOUR_BYTES_THAT_IS_HOSTILE_TO_READERS_(int fd)
{
	int result = close(fd);

	__asm__ volatile("");
	return result;
}

int closes(int fd)
{
	int result = PLACE_FOR_A_NAME_OF_SIXTY_FOUR_BYTES_THAT_IS_HOSTILE_TO_READERS_(fd);

	__asm__ volatile("");
	return result;
}
}
