/* SPDX-License-Identifier: MIT */
#include "pressure.h"

#include "../base/start.h"
#include "../fix/linger.h"
#include "../log/sink.h"

bool pressure_relieve(void)
{
	int saved = errno;
	bool given;

	if (!watched(0) || !start_ready())
		return false;
	given = linger_give_way();
	given |= sink_give_way();
	errno = saved;
	return given;
}

/* The mode is passed on as it came: what is not there is not read by libc either. */
#define OPEN(name, params, args) \
	EXPORT(int, name, params) \
	{ \
		int r = libc_##name args; \
\
		return out_of_descriptors(r) ? libc_##name args : r; \
	}

OPEN(open, (const char *path, int flags, mode_t mode), (path, flags, mode))
OPEN(open64, (const char *path, int flags, mode_t mode), (path, flags, mode))
OPEN(openat, (int dir, const char *path, int flags, mode_t mode), (dir, path, flags, mode))
OPEN(openat64, (int dir, const char *path, int flags, mode_t mode), (dir, path, flags, mode))
