/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_DYNAMIC_H
#define RSTFIX_DYNAMIC_H

#include "image.h"

/*
 * What a program or a library of our own class asks of the dynamic loader, and what it defines for
 * others, by its section headers. A file without them (sstrip) shows nothing.
 */

/* The DT_NEEDED library whose name begins so ("liburing.so."), or NULL. Of the file alone. Pure. */
const char *dynamic_needs(struct image im, const char *begins);

/*
 * Functions of shim/hooks.def that the file defines itself, so that calls may reach it in place of
 * the shim: their count, and the first names, separated by blanks, in `names`. Pure.
 */
unsigned dynamic_hooks(struct image im, char *names, size_t size);

#endif
