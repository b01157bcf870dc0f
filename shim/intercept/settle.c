/* SPDX-License-Identifier: MIT */
#include "../base/start.h"
#include "../fix/linger.h"
#include "export.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The doors before which what lingers must be settled: an end that on_exit() does not see, and what
 * is told to every thread that libc knows, or needs a process with one thread. The reaper is made
 * anew afterwards, when it is needed.
 */

static void settle(bool for_good)
{
	if (start_fix && watched(0) && start_ready())
		linger_settle(for_good);
}

static void at_end(void)
{
	settle(true);
}

#define END(name) \
	EXPORT(void, name, (int status)) \
	{ \
		at_end(); \
		libc_##name(status); \
		__builtin_unreachable(); \
	}

END(_exit)
END(_Exit)
END(quick_exit)

/* The reaper must not keep an identity, or a privilege, that the program gives up. */
#define IDENTITY(name, params, args) \
	EXPORT(int, name, params) \
	{ \
		settle(false); \
		return libc_##name args; \
	}

IDENTITY(setuid, (uid_t u), (u))
IDENTITY(setgid, (gid_t g), (g))
IDENTITY(seteuid, (uid_t u), (u))
IDENTITY(setegid, (gid_t g), (g))
IDENTITY(setreuid, (uid_t r, uid_t e), (r, e))
IDENTITY(setregid, (gid_t r, gid_t e), (r, e))
IDENTITY(setresuid, (uid_t r, uid_t e, uid_t s), (r, e, s))
IDENTITY(setresgid, (gid_t r, gid_t e, gid_t s), (r, e, s))
IDENTITY(setgroups, (size_t n, const gid_t *list), (n, list))
IDENTITY(initgroups, (const char *user, gid_t g), (user, g))
IDENTITY(setns, (int fd, int type), (fd, type))
