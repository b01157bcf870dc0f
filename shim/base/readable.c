/* SPDX-License-Identifier: MIT */
#include "readable.h"

#include "sys.h"

#include <errno.h>
#include <pthread.h>
#include <sys/auxv.h>

#define PAGE ((uintptr_t)4096) /* or a part of one */

/* No further: a coroutine's stack ends elsewhere. */
#define NEAR ((uintptr_t)65536)

static uintptr_t first_stack_end;

void readable_start(void)
{
	first_stack_end = getauxval(AT_RANDOM);
}

/* A thread's stack ends with what pthread_self() points to, the first one's with what the kernel put there. */
static bool is_on_this_stack(uintptr_t at, size_t len)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), end = (uintptr_t)pthread_self();

	if (end < here)
		end = first_stack_end;
	if (at < here || end < here)
		return false;
	if (end - here > NEAR)
		end = here + NEAR;
	return at < end && len <= end - at;
}

/* The kernel reads the signal set, and then refuses the operation. */
static bool is_mapped(uintptr_t page)
{
	return sys4(SYS_rt_sigprocmask, -1, page, 0, 8) != -EFAULT;
}

bool readable(struct readable *known, const void *at, size_t len)
{
	uintptr_t from = (uintptr_t)at, page;

	if (is_on_this_stack(from, len))
		return true;
	if (len > UINTPTR_MAX - from)
		return false;
	for (page = from & -PAGE; page < from + len; page += PAGE) {
		if (page == 0 || (page != known->page && !is_mapped(page)))
			return false;
		known->page = page;
	}
	return true;
}
