/* SPDX-License-Identifier: MIT */
#include "uring.h"

#include "../base/start.h"
#include "../log/event.h"
#include "../log/unwind.h"

#include <link.h>
#include <string.h>

static bool seen, told;
static unsigned long long loads = ~0ULL; /* by the loader's count; written under its lock */

static bool is_liburing(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strncmp(slash ? slash + 1 : path, "liburing", 8) == 0;
}

static int look(struct dl_phdr_info *info, size_t size, void *begun)
{
	bool *first = begun;

	(void)size;
	if (*first && info->dlpi_adds == loads)
		return 1;
	*first = false;
	loads = info->dlpi_adds;
	if (info->dlpi_name && is_liburing(info->dlpi_name))
		__atomic_store_n(&seen, true, __ATOMIC_RELAXED);
	return 0;
}

static void tell(void)
{
	if (__atomic_exchange_n(&told, true, __ATOMIC_RELAXED))
		return;
	event_notice("io-uring",
		start_fix
			? "this program may use io_uring: what it does by a ring is not seen, and "
			  "nothing is mended, for a ring may hold any socket"
			: "this program may use io_uring: what it does by a ring is not seen");
}

void uring_made(void)
{
	__atomic_store_n(&seen, true, __ATOMIC_RELAXED);
	tell();
}

/* In the child of a process with threads nobody may ever release the loader's lock. */
bool uring_possible(void)
{
	bool first = true;

	if (!uring_seen() && !unwind_is_caller_only())
		dl_iterate_phdr(look, &first);
	if (!uring_seen())
		return false;
	tell();
	return true;
}

bool uring_seen(void)
{
	return __atomic_load_n(&seen, __ATOMIC_RELAXED);
}
