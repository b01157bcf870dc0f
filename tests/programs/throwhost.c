/* SPDX-License-Identifier: MIT */
/*
 * A program in C whose C++ arrives by dlopen: libgcc_s is loaded last, behind any preloaded
 * library, so that a preload that brings unwinder symbols of its own would capture the exceptions.
 *
 * usage: throwhost LIBRARY COUNT     prints the nanoseconds that one throw and catch takes
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
	int (*throw_and_catch)(int);
	void *library;
	double start;
	int count;

	if (argc != 3)
		return 2;
	library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		fprintf(stderr, "throwhost: %s\n", dlerror());
		return 1;
	}
	throw_and_catch = (int (*)(int))dlsym(library, "throw_and_catch");
	if (!throw_and_catch) {
		fprintf(stderr, "throwhost: %s\n", dlerror());
		return 1;
	}
	count = atoi(argv[2]);
	throw_and_catch(100); /* fills the unwinder's caches */
	start = seconds();
	if (throw_and_catch(count) != count) {
		fprintf(stderr, "throwhost: not every exception was caught\n");
		return 1;
	}
	printf("%.1f\n", (seconds() - start) * 1e9 / count);
	return 0;
}
