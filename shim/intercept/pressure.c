/* SPDX-License-Identifier: MIT */
#include "pressure.h"

#include "../base/readable.h"
#include "../base/start.h"
#include "../base/sys.h"
#include "../fix/linger.h"
#include "../log/sink.h"
#include "../log/sinkfd.h"

#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>

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

#define MOST_RIGHTS 253 /* SCM_MAX_FD */

/* So many more are looked at: the shim's own are among them. */
#define SPARE 8

/* Are so many numbers free, of the highest ones? The kernel gives the lowest free one. */
static bool any_free(unsigned count)
{
	struct pollfd p[MOST_RIGHTS + SPARE];
	struct timespec now = {0};
	struct {
		uint64_t soft, hard;
	} lim = {0, 0};
	unsigned last = count + SPARE, i, found = 0;

	sys4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &lim);
	if (lim.soft < last || lim.soft > INT_MAX)
		return lim.soft > INT_MAX;
	for (i = 0; i < last; i++)
		p[i] = (struct pollfd){.fd = (int)(lim.soft - last + i)};
	if (sys5(SYS_ppoll, p, last, &now, 0, 0) < 0)
		return false;
	for (i = 0; i < last; i++)
		found += (p[i].revents & POLLNVAL) != 0;
	return found >= count;
}

void pressure_before_rights(int fd, const struct msghdr *msg)
{
	struct readable known = {0};
	size_t count;

	if ((!sink_open() && !linger_open()) || fdhint_get(fd) || !watched(0) || !start_ready() ||
		!sinkfd_is_unix(fd) || !readable(&known, msg, sizeof(*msg)) ||
		msg->msg_controllen < CMSG_LEN(sizeof(int)))
		return;
	count = (msg->msg_controllen - CMSG_LEN(0)) / sizeof(int);
	if (!any_free(count < MOST_RIGHTS ? (unsigned)count : MOST_RIGHTS))
		pressure_relieve();
}

/*
 * Every libc call that makes descriptors and is no door for anything else. They are no TCP sockets:
 * what is known of an earlier one under their number goes. The mode of open() is passed on as it
 * came: what is not there is not read by libc either.
 */
#define MAKES_ONE(name, params, args) \
	EXPORT(int, name, params) \
	{ \
		int before = errno, r = libc_##name args; \
\
		if (out_of_descriptors(r, before)) \
			r = libc_##name args; \
		start_forget(r); \
		return r; \
	}

#define MAKES_TWO(name, params, args, fds) \
	EXPORT(int, name, params) \
	{ \
		int before = errno, r = libc_##name args; \
\
		if (out_of_descriptors(r, before)) \
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
		int before = errno; \
		type *r = libc_##name args; \
\
		return out_of_descriptors(r ? 0 : -1, before) ? libc_##name args : r; \
	}

/* The try that found no descriptor has filled the name in. */
static void blank(char *name, int suffix)
{
	memset(name + strlen(name) - (size_t)suffix - 6, 'X', 6);
}

#define MAKES_A_NAME(name, params, args, suffix) \
	EXPORT(int, name, params) \
	{ \
		int before = errno, r = libc_##name args; \
\
		if (out_of_descriptors(r, before)) { \
			blank(path, suffix); \
			r = libc_##name args; \
		} \
		start_forget(r); \
		return r; \
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
MAKES_A_STREAM(FILE, tmpfile, (void), ())
MAKES_A_STREAM(FILE, tmpfile64, (void), ())
MAKES_ONE(posix_openpt, (int flags), (flags))
MAKES_A_NAME(mkstemp, (char *path), (path), 0)
MAKES_A_NAME(mkstemp64, (char *path), (path), 0)
MAKES_A_NAME(mkostemp, (char *path, int flags), (path, flags), 0)
MAKES_A_NAME(mkostemp64, (char *path, int flags), (path, flags), 0)
MAKES_A_NAME(mkstemps, (char *path, int suffix), (path, suffix), suffix)
MAKES_A_NAME(mkstemps64, (char *path, int suffix), (path, suffix), suffix)
MAKES_A_NAME(mkostemps, (char *path, int suffix, int flags), (path, suffix, flags), suffix)
MAKES_A_NAME(mkostemps64, (char *path, int suffix, int flags), (path, suffix, flags), suffix)
