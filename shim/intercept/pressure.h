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

static inline bool out_of_descriptors(int r)
{
	return unlikely(r < 0) && unlikely(errno == EMFILE || errno == ENFILE) &&
		pressure_relieve();
}

#endif
