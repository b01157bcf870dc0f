/* SPDX-License-Identifier: MIT */
/*
 * Loads a plugin that closes with unread data, unloads it, and does the same with another one that
 * comes to lie at its address and has other frames: what an unwinder remembers of the first one
 * would lead it astray.
 * The wide frame comes first: to take the narrow one for it leads beyond the end of the stack.
 * usage: attack_plugins WIDE NARROW
 */
#include <dlfcn.h>

#include "victim.h"

static void *use(const char *library)
{
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	void (*plug)(void (*)(void));

	if (!handle)
		errx(1, "%s", dlerror());
	plug = (void (*)(void (*)(void)))dlsym(handle, "plug");
	if (!plug)
		errx(1, "%s", dlerror());
	plug(reset_one);
	dlclose(handle);
	return (void *)plug;
}

int main(int argc, char **argv)
{
	void *first;

	if (argc != 3)
		return 2;
	first = use(argv[1]);
	puts(use(argv[2]) == first ? "same address" : "another address");
	return 0;
}
