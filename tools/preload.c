/* SPDX-License-Identifier: MIT */
#include "preload.h"

#include "say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef RSTFIX_LIBDIR
#error "RSTFIX_LIBDIR, the directory of the installed library, comes from the Makefile"
#endif

#define SEPARATORS " :" /* as ld.so(8) splits LD_PRELOAD */

/* resolved is the path without symbolic links, of a file that can be read. */
static bool readable_at(char resolved[PATH_MAX], const char *directory, const char *below)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s%s/%s", directory, below, PRELOAD_LIBRARY) >= PATH_MAX)
		return false;
	return realpath(path, resolved) && access(resolved, R_OK) == 0;
}

static bool own_directory(char out[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", out, PATH_MAX - 1);
	char *slash;

	if (len < 0)
		return false;
	out[len] = '\0';
	slash = strrchr(out, '/');
	if (slash)
		*slash = '\0';
	return slash != NULL;
}

bool preload_find(char out[PATH_MAX])
{
	char own[PATH_MAX];
	bool found = own_directory(own) &&
		(readable_at(out, own, "") || readable_at(out, own, "/../lib/rstfix"));

	if (!found && !readable_at(out, RSTFIX_LIBDIR, "")) {
		errno = ENOENT;
		return false;
	}
	if (strpbrk(out, SEPARATORS "$")) {
		errno = EINVAL;
		return false;
	}
	return true;
}

int preload_refuse(const char *command, const char *out, int error)
{
	if (error == EINVAL)
		say(command,
			"%s: LD_PRELOAD cannot carry a path with a blank, colon or dollar sign; "
			"move it",
			out);
	else
		say(command, "%s is neither beside rstfix nor installed; build or install it",
			PRELOAD_LIBRARY);
	return EXIT_REFUSED;
}

static bool same_file(const char *part, size_t len, const char *library)
{
	char path[PATH_MAX];
	struct stat a, b;

	if (len == 0 || len >= sizeof(path))
		return false;
	memcpy(path, part, len);
	path[len] = '\0';
	return stat(path, &a) == 0 && stat(library, &b) == 0 && a.st_dev == b.st_dev &&
		a.st_ino == b.st_ino;
}

bool preload_append(char *out, size_t size, const char *now, const char *library)
{
	const char *sep = now && *now ? ":" : "";
	const char *part = now ? now : "";
	bool present = false;
	int len;

	while (*part) {
		size_t part_len = strcspn(part, SEPARATORS);

		present |= same_file(part, part_len, library);
		part += part_len;
		part += strspn(part, SEPARATORS);
	}
	len = present ? snprintf(out, size, "%s", now)
		      : snprintf(out, size, "%s%s%s", now ? now : "", sep, library);
	if (len >= 0 && (size_t)len < size)
		return true;
	errno = E2BIG;
	return false;
}
