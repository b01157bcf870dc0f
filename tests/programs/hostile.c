/* SPDX-License-Identifier: MIT */
/*
 * Resets its peer in a plug-in's function, whose name the test has written over.
 * usage: hostile LIBRARY
 */
#include <dlfcn.h>

#include "victim.h"

int main(int argc, char **argv)
{
	void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
	int (*closes)(int) = library ? (int (*)(int))dlsym(library, "closes") : NULL;
	int fds[2];

	if (!closes)
		errx(1, "%s", argc > 1 ? dlerror() : "usage: hostile LIBRARY");
	unread_pair(fds);
	say("close", closes(fds[0]));
	return 0;
}
