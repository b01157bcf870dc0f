/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_PRESSURE_H
#define RSTFIX_PRESSURE_H

#include "export.h"

#include <errno.h>
#include <stdbool.h>

/*
 * After a call that found no descriptor: gives the shim's own back. True: there was one, and the call
 * is worth another try. errno is kept.
 */
bool pressure_relieve(void);

/* `before`: errno as it was before the call, and is again for the next try, which may succeed. */
static inline bool out_of_descriptors(int r, int before)
{
	if (likely(r >= 0) || likely(errno != EMFILE && errno != ENFILE) || !pressure_relieve())
		return false;
	errno = before;
	return true;
}

/*
 * Before a message is received that may bring descriptors: one that finds no number is lost, without
 * an error. Where the shim holds numbers, and the table is nearly full, it gives them back. msg is the
 * program's, the first one of several, and perhaps a wild pointer.
 */
void pressure_before_rights(int fd, const struct msghdr *msg);

#endif
