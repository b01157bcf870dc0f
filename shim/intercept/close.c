/* SPDX-License-Identifier: MIT */
#include "../base/start.h"
#include "../base/sys.h"
#include "../detect/facts.h"
#include "../fix/linger.h"
#include "../log/sink.h"
#include "../log/unwind.h"
#include "closing.h"
#include "export.h"
#include "seen.h"

#include <errno.h>

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1U << 1)
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

/* The log's descriptor is not the program's, and not open to it: it stays. */
static bool spared(int fd)
{
	return (fdhint_get(fd) & HINT_OWN) && start_ready() && (sink_owns(fd) || linger_owns(fd));
}

/* syscall(SYS_close) is no cancellation point, and must not become one. */
static int close_by_syscall(int fd)
{
	return (int)libc_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
}

HOT static int rf_close_by(int (*real)(int), int fd, const void *caller)
{
	struct closing c;
	int r;

	if (unlikely(fdhint_get(fd) & (HINT_UNWINDER | HINT_OWN))) {
		if (unwind_is_caller(caller))
			return 0;
		if (spared(fd)) {
			errno = EBADF;
			return -1;
		}
	}
	closing_begin(&c, fd, OP_CLOSE, caller, real != close_by_syscall);
	/* What was judged is closed: a cancellation that came meanwhile strikes at the next point. */
	r = c.judged || c.holders ? close_by_syscall(fd) : real(fd);
	closing_end(&c);
	return r;
}

int rf_syscall_close(int fd, const void *caller)
{
	return rf_close_by(close_by_syscall, fd, caller);
}

EXPORT(int, close, (int fd))
{
	if (likely(!fdhint_get(fd)))
		return libc_close(fd);
	return rf_close_by(libc_close, fd, CALLER());
}

EXPORT(int, __close, (int fd))
{
	if (likely(!fdhint_get(fd)))
		return libc___close(fd);
	return rf_close_by(libc___close, fd, CALLER());
}

static bool is_shared(unsigned fd)
{
	return (fdhint_get((int)fd) & HINT_STREAM) && (fdhint_record((int)fd)->flags & REC_SHARED);
}

/* Of those that have duplicates in the range the highest one is left. */
static void close_duplicates(unsigned first, unsigned end, enum op op, const void *caller)
{
	unsigned count = 0, i;
	struct seen seen;

	for (i = first; i < end; i++)
		count += is_shared(i);
	if (count < 2 || !seen_begin(&seen, count))
		return;
	for (i = end; i > first; i--)
		if (is_shared(i - 1) && seen_before(&seen, facts_cookie((int)i - 1)))
			closing_whole((int)i - 1, op, caller);
	seen_end(&seen);
}

/* The shim's own numbers in a range, in ascending order: the log's, and the channel's to the reaper. */
struct own {
	unsigned fds[2], count;
};

/*
 * Every watched socket of the range is closed on its own, before the rest: the same result, and
 * each is judged. The kernel lets go of the last references from the top: where both ends of a connection
 * are closed, the order says which of them may reset. Returns what is to be spared.
 */
static struct own close_watched(unsigned first, unsigned last, enum op op, const void *caller)
{
	unsigned high = fdhint_high(), end = last < high ? last + 1 : high, i;
	struct own own = {.count = 0};

	if (!start_ready())
		return own;
	close_duplicates(first, end, op, caller);
	for (i = first; i < end && own.count < 2; i++)
		if (spared((int)i))
			own.fds[own.count++] = i;
	for (i = end; i > first; i--)
		if (fdhint_get((int)i - 1) & HINT_STREAM)
			closing_whole((int)i - 1, op, caller);
	return own;
}

static int close_around(unsigned first, unsigned last, const struct own *own)
{
	for (unsigned i = 0; i < own->count; i++) {
		unsigned fd = own->fds[i];

		if (fd > first && libc_close_range(first, fd - 1, 0) != 0)
			return -1;
		if (fd == last)
			return 0;
		first = fd + 1;
	}
	return libc_close_range(first, last, 0);
}

/*
 * UNSHARE closes in a new table of the thread's, and the old one keeps the sockets; but what has one
 * thread closes its own, for good. The table is made its own first, closing nothing yet: another
 * process might share it.
 */
static bool unshared(int flags)
{
	return flags == (int)CLOSE_RANGE_UNSHARE && watched(0) && start_ready() &&
		start_threads() == 1 && libc_close_range(~0U, ~0U, flags) == 0;
}

int rf_close_range(unsigned first, unsigned last, int flags, const void *caller)
{
	struct own own;

	if (first <= last && unshared(flags))
		flags = 0;
	/* With CLOEXEC nothing is closed; with UNSHARE, not here but in the thread's new table. */
	if (flags != 0 || first > last || !watched(0)) {
		if ((unsigned)flags & CLOSE_RANGE_UNSHARE)
			rf_split_tables();
		return libc_close_range(first, last, flags);
	}
	if (libc_close_range(~0U, ~0U, 0) != 0) /* nor will this one: Linux before 5.9, a filter */
		return libc_close_range(first, last, 0);
	own = close_watched(first, last, OP_CLOSE_RANGE, caller);
	return close_around(first, last, &own);
}

EXPORT(int, close_range, (unsigned first, unsigned last, int flags))
{
	return rf_close_range(first, last, flags, CALLER());
}

EXPORT(void, closefrom, (int first))
{
	unsigned low = first < 0 ? 0 : (unsigned)first;
	struct own own = {.count = 0};

	if (watched(0))
		own = close_watched(low, ~0U, OP_CLOSEFROM, CALLER());
	for (unsigned i = 0; i < own.count; i++, low++)
		for (; low < own.fds[i]; low++) /* no close_range() before Linux 5.9 */
			sys1(SYS_close, low);
	libc_closefrom(own.count ? (int)low : first);
}

/*
 * libc closes the descriptor of a stream by an internal call. What stdio still buffers is written
 * first: after a half-close it could not be sent any more. What could not be written is gone then,
 * and fclose() would not know: its failure is reported here.
 */
static int rf_fclose(int (*real)(FILE *), FILE *stream, int fd, const void *caller)
{
	int error = 0, r;
	struct closing c;

	if (start_ready() && libc_stream_pending(stream) && libc_stream_flush(stream) != 0)
		error = errno;
	closing_begin(&c, fd, OP_FCLOSE, caller, false);
	r = real(stream);
	closing_end(&c);
	if (!error)
		return r;
	errno = error;
	return EOF;
}

EXPORT(int, fclose, (FILE * stream))
{
	int fd = libc_stream_fd(stream);

	if (likely(!fdhint_get(fd)))
		return libc_fclose(stream);
	return rf_fclose(libc_fclose, stream, fd, CALLER());
}

EXPORT(int, _IO_fclose, (FILE * stream))
{
	int fd = libc_stream_fd(stream);

	if (likely(!fdhint_get(fd)))
		return libc__IO_fclose(stream);
	return rf_fclose(libc__IO_fclose, stream, fd, CALLER());
}

/* libc closes the stream's descriptor, also where it cannot open the new file. */
static FILE *rf_freopen(FILE *(*real)(const char *, const char *, FILE *), const char *path,
	const char *mode, FILE *stream, int fd, const void *caller)
{
	struct closing c;
	FILE *r;

	if (start_ready() && libc_stream_pending(stream))
		libc_stream_flush(stream);
	closing_begin(&c, fd, OP_FREOPEN, caller, false);
	r = real(path, mode, stream);
	closing_end(&c);
	return r;
}

EXPORT(FILE *, freopen, (const char *path, const char *mode, FILE *stream))
{
	int fd = libc_stream_fd(stream);

	if (likely(!fdhint_get(fd)))
		return libc_freopen(path, mode, stream);
	return rf_freopen(libc_freopen, path, mode, stream, fd, CALLER());
}

EXPORT(FILE *, freopen64, (const char *path, const char *mode, FILE *stream))
{
	int fd = libc_stream_fd(stream);

	if (likely(!fdhint_get(fd)))
		return libc_freopen64(path, mode, stream);
	return rf_freopen(libc_freopen64, path, mode, stream, fd, CALLER());
}
