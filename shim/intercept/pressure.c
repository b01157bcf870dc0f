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

/*
 * Every libc call that makes descriptors and is no door for anything else. They are no TCP sockets:
 * what is known of an earlier one under their number goes. The mode of open() is passed on as it
 * came: what is not there is not read by libc either.
 */
#define MAKES_ONE(name, params, args) \
	EXPORT(int, name, params) \
	{ \
		int r = libc_##name args; \
\
		if (out_of_descriptors(r)) \
			r = libc_##name args; \
		start_forget(r); \
		return r; \
	}

#define MAKES_TWO(name, params, args, fds) \
	EXPORT(int, name, params) \
	{ \
		int r = libc_##name args; \
\
		if (out_of_descriptors(r)) \
			r = libc_##name args; \
		if (r == 0) { \
			start_forget(fds[0]); \
			start_forget(fds[1]); \
		} \
		return r; \
	}

#define MAKES_A_STREAM(type, name, params, args) \
	EXPORT(type *, name, params) \
	{ \
		type *r = libc_##name args; \
\
		return out_of_descriptors(r ? 0 : -1) ? libc_##name args : r; \
	}

MAKES_ONE(open, (const char *path, int flags, mode_t mode), (path, flags, mode))
MAKES_ONE(open64, (const char *path, int flags, mode_t mode), (path, flags, mode))
MAKES_ONE(openat, (int dir, const char *path, int flags, mode_t mode), (dir, path, flags, mode))
MAKES_ONE(openat64, (int dir, const char *path, int flags, mode_t mode), (dir, path, flags, mode))
MAKES_ONE(__open_2, (const char *path, int flags), (path, flags))
MAKES_ONE(__open64_2, (const char *path, int flags), (path, flags))
MAKES_ONE(__openat_2, (int dir, const char *path, int flags), (dir, path, flags))
MAKES_ONE(__openat64_2, (int dir, const char *path, int flags), (dir, path, flags))
MAKES_ONE(creat, (const char *path, mode_t mode), (path, mode))
MAKES_ONE(creat64, (const char *path, mode_t mode), (path, mode))
MAKES_ONE(memfd_create, (const char *name, unsigned flags), (name, flags))
MAKES_ONE(epoll_create, (int size), (size))
MAKES_ONE(epoll_create1, (int flags), (flags))
MAKES_ONE(eventfd, (unsigned count, int flags), (count, flags))
MAKES_ONE(timerfd_create, (int clock, int flags), (clock, flags))
MAKES_ONE(signalfd, (int fd, const void *mask, int flags), (fd, mask, flags))
MAKES_ONE(inotify_init, (void), ())
MAKES_ONE(inotify_init1, (int flags), (flags))
MAKES_TWO(pipe, (int fds[2]), (fds), fds)
MAKES_TWO(socketpair, (int domain, int type, int protocol, int fds[2]),
	(domain, type, protocol, fds), fds)
MAKES_A_STREAM(FILE, fopen, (const char *path, const char *mode), (path, mode))
MAKES_A_STREAM(FILE, fopen64, (const char *path, const char *mode), (path, mode))
MAKES_A_STREAM(void, opendir, (const char *path), (path))
