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
		fds[0] = fdhint_probe_base();
		fds[1] = fds[0] + 1;
		return 0;
	}
	return libc_pipe2(fds, flags);
}
