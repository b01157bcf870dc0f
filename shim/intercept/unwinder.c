/* SPDX-License-Identifier: MIT */
#include "../base/start.h"
#include "../log/unwind.h"
#include "export.h"
#include "pressure.h"

/*
 * libunwind opens a pipe to probe memory with. It is given two numbers that no descriptor can have,
 * and the doors of stream.c answer for them: there is nothing to move, to guard or to lose.
 */
EXPORT(int, pipe2, (int fds[2], int flags))
{
	int before = errno, r;

	if (unlikely(unwind_is_caller(CALLER()))) {
		fds[0] = FDHINT_PROBE;
		fds[1] = FDHINT_PROBE + 1;
		return 0;
	}
	r = libc_pipe2(fds, flags);
	if (out_of_descriptors(r, before))
		r = libc_pipe2(fds, flags);
	if (r == 0) {
		start_forget(fds[0]);
		start_forget(fds[1]);
	}
	return r;
}

/* What libunwind and the callsites remember by address is not to be trusted after this. */
EXPORT(int, dlclose, (void *handle))
{
	int r = libc_dlclose(handle);

	unwind_unloaded();
	return r;
}
