/* SPDX-License-Identifier: MIT */
#include "../base/readable.h"
#include "../base/start.h"
#include "../base/sys.h"
#include "../fix/linger.h"
#include "../log/sink.h"
#include "closing.h"
#include "export.h"

#include <string.h>
#include <unistd.h>

/*
 * The doors before which what lingers must be settled: what is told to every thread that libc knows,
 * or needs a process with one thread. The reaper is made anew afterwards, when it is needed.
 */

static void settle(void)
{
	if (start_takes && watched(0) && start_ready())
		linger_settle(false);
}

/* The reaper must not keep an identity, or a privilege, that the program gives up. */
static int follow(int r, long number, long a, long b, long c)
{
	if (r == 0 && start_takes && watched(0) && start_ready())
		linger_identity(number, a, b, c);
	return r;
}

/* These change the calling thread alone: it must be the program's only one to stand for all. */
long rf_own_identity(long number, long a, long b, long c)
{
	long r = libc_syscall(number, a, b, c, 0, 0, 0);

	if (r == 0 && start_takes && watched(0) && start_ready() && start_threads() == 1)
		linger_identity(number, a, b, c);
	return r;
}

/* NUMBER, A, B, C: the system call that libc makes of it in each of its threads. */
#define IDENTITY(name, params, args, number, a, b, c) \
	EXPORT(int, name, params) \
	{ \
		return follow(libc_##name args, number, a, b, c); \
	}

#define SAME ((uid_t)-1)

IDENTITY(setuid, (uid_t u), (u), SYS_setuid, u, 0, 0)
IDENTITY(setgid, (gid_t g), (g), SYS_setgid, g, 0, 0)
IDENTITY(seteuid, (uid_t u), (u), SYS_setresuid, SAME, u, SAME)
IDENTITY(setegid, (gid_t g), (g), SYS_setresgid, SAME, g, SAME)
IDENTITY(setreuid, (uid_t r, uid_t e), (r, e), SYS_setreuid, r, e, 0)
IDENTITY(setregid, (gid_t r, gid_t e), (r, e), SYS_setregid, r, e, 0)
IDENTITY(setresuid, (uid_t r, uid_t e, uid_t s), (r, e, s), SYS_setresuid, r, e, s)
IDENTITY(setresgid, (gid_t r, gid_t e, gid_t s), (r, e, s), SYS_setresgid, r, e, s)
IDENTITY(setgroups, (size_t n, const gid_t *list), (n, list), SYS_setgroups, (long)n, (long)list, 0)

EXPORT(int, capset, (void *header, const void *data))
{
	return (int)rf_own_identity(SYS_capset, (long)header, (long)data, 0);
}

#define SETTLED(name, params, args) \
	EXPORT(int, name, params) \
	{ \
		settle(); \
		return libc_##name args; \
	}

SETTLED(initgroups, (const char *user, gid_t g), (user, g))
SETTLED(setns, (int fd, int type), (fd, type))

/* The log's path leads nowhere afterwards. */
int rf_chroot(const char *path)
{
	bool ready = watched(0) && start_ready();
	int r;

	if (ready)
		sink_prepare();
	r = libc_chroot(path);
	if (r == 0 && ready)
		sink_keep();
	return r;
}

EXPORT(int, chroot, (const char *path))
{
	return rf_chroot(path);
}

/* A sanitizer's runtime calls setrlimit() before it is up itself. */
#define UNCHECKED __attribute__((no_sanitize("address", "undefined")))

/* A program that forbids itself to fork forbids threads as well: the reaper is made before. */
UNCHECKED void rf_before_limit(pid_t pid, int resource, const void *limit)
{
	enum { PROCESSES = 6 }; /* RLIMIT_NPROC; <sys/resource.h> has setrlimit() with an enum */
	struct readable known = {0};
	uint64_t soft;

	if (likely(resource != PROCESSES) || !start_takes || !watched(0) || !start_ready() ||
		(pid != 0 && pid != self.pid) || !readable(&known, limit, sizeof(soft)))
		return;
	memcpy(&soft, limit, sizeof(soft));
	if (soft == 0)
		linger_ready();
}

#define LIMITED(name, params, args, pid) \
	UNCHECKED EXPORT(int, name, params) \
	{ \
		rf_before_limit(pid, resource, limit); \
		return libc_##name args; \
	}

LIMITED(setrlimit, (int resource, const void *limit), (resource, limit), 0)
LIMITED(setrlimit64, (int resource, const void *limit), (resource, limit), 0)
LIMITED(prlimit, (pid_t pid, int resource, const void *limit, void *old),
	(pid, resource, limit, old), pid)
LIMITED(prlimit64, (pid_t pid, int resource, const void *limit, void *old),
	(pid, resource, limit, old), pid)
