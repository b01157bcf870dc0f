/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_PRELOAD_H
#define RSTFIX_PRELOAD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* Where the shim is, and how it gets into LD_PRELOAD. */

#define PRELOAD_LIBRARY "librstfix.so"

/*
 * The library's absolute path: beside this program, in ../lib/rstfix beside its directory, or where
 * it was configured to be installed (RSTFIX_LIBDIR). False with errno ENOENT if it is nowhere, and
 * with EINVAL if its path (told in out) has a character that LD_PRELOAD cannot carry: a blank, a
 * colon or a dollar sign.
 */
bool preload_find(char out[PATH_MAX]);

/* Tells a person why preload_find did not find it, with its out and errno; returns EXIT_REFUSED. */
int preload_refuse(const char *command, const char *out, int error);

/*
 * The value LD_PRELOAD should have: what it has now (NULL: nothing), and library after it, unless
 * the same file is in it already. False with E2BIG if out is too small.
 */
bool preload_append(char *out, size_t size, const char *now, const char *library);

#endif
