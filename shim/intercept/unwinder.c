/* SPDX-License-Identifier: MIT */
#include "../log/unwind.h"
#include "export.h"

/*
 * libunwind opens a pipe to probe memory with. It is given two numbers that no descriptor can have,
 * and the doors of stream.c answer for them: there is nothing to move, to guard or to lose.
 */
EXPORT(int, pipe2, (int fds[2], int flags))
{
	if (unlikely(unwind_is_caller(CALLER()))) {
		fds[0] = FDHINT_PROBE;
		fds[1] = FDHINT_PROBE + 1;
		return 0;
	}
	return libc_pipe2(fds, flags);
}

/* What libunwind and the callsites remember by address is not to be trusted after this. */
EXPORT(int, dlclose, (void *handle))
{
	int r = libc_dlclose(handle);

	unwind_unloaded();
	return r;
}
