/* SPDX-License-Identifier: MIT */
#include "streams.h"

#include "../base/start.h"
#include "../detect/facts.h"
#include "../fix/deferred.h"
#include "export.h"

#include <errno.h>
#include <netinet/tcp.h>

#define KNOWN (sizeof(((struct fdrec *)0)->streams) / sizeof(void *))

static void note(int fd, FILE *stream)
{
	struct fdrec *rec = fdhint_record(fd);

	for (unsigned i = 0; i < KNOWN; i++) {
		if (!rec->streams[i]) {
			rec->streams[i] = stream;
			return;
		}
	}
	rec->flags |= REC_STREAMS_UNKNOWN;
}

/*
 * fclose() forgets the descriptor, and its streams with it: the next socket has a new record. Whoever
 * makes a stream after the shutdown may read by it, which is no door.
 */
static FILE *rf_fdopen(FILE *(*real)(int, const char *), int fd, const char *mode)
{
	FILE *stream;

	if (unlikely(fdhint_get(fd) & HINT_DEFERRED))
		deferred_settle(fd);
	stream = real(fd, mode);
	if (stream && (fdhint_get(fd) & HINT_STREAM) && start_may_note())
		note(fd, stream);
	return stream;
}

EXPORT(FILE *, fdopen, (int fd, const char *mode))
{
	return rf_fdopen(libc_fdopen, fd, mode);
}

EXPORT(FILE *, _IO_fdopen, (int fd, const char *mode))
{
	return rf_fdopen(libc__IO_fdopen, fd, mode);
}

/* Where a write would fail it is left to libc: the signal comes then, and not before the event. */
static bool may_write(int fd)
{
	int state = facts_state(fd);

	return state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT;
}

static bool flush(int fd, FILE *stream)
{
	return !libc_stream_pending(stream) || (may_write(fd) && libc_stream_try_flush(stream));
}

bool streams_flush_standard(int fd)
{
	int saved = errno;
	bool all = (libc_stream_fd(stdout) != fd || flush(fd, stdout)) &&
		(libc_stream_fd(stderr) != fd || flush(fd, stderr));

	errno = saved;
	return all;
}

static bool flush_own(int fd, const struct fdrec *rec)
{
	int saved = errno;
	bool all = !(rec->flags & REC_STREAMS_UNKNOWN);

	if (!rec->streams[0])
		return true;
	if (facts_cookie(fd) != rec->cookie) /* it has outlived its socket, and they themselves */
		return false;
	for (unsigned i = 0; i < KNOWN && rec->streams[i] && all; i++) {
		FILE *stream = rec->streams[i];

		all = libc_stream_fd(stream) == fd &&
			(!libc_stream_pending(stream) || may_write(fd)) &&
			libc_stream_try_flush(stream);
	}
	errno = saved;
	return all;
}

static bool flush_number(int fd, const struct fdrec *rec)
{
	bool own = flush_own(fd, rec);

	return streams_flush_standard(fd) && own;
}

bool streams_flush(int fd, const struct fdrec *rec)
{
	unsigned high = fdhint_high();
	bool flushed = flush_number(fd, rec);

	for (unsigned i = (unsigned)fd + 1; rec->holders && i < high; i++) {
		const struct fdrec *other = fdhint_record((int)i);

		if ((fdhint_get((int)i) & HINT_STREAM) && other->holders == rec->holders)
			flushed &= flush_number((int)i, other);
	}
	return flushed;
}

#if HAVE_STREAM_LIST
extern FILE *_IO_list_all __attribute__((weak));

/* The number of fopencookie()'s: the program's own function knows where it writes to. */
#define COOKIE (-2)

bool streams_written(int fd)
{
	FILE *stream = &_IO_list_all ? _IO_list_all : NULL;

	for (; stream; stream = stream->_chain)
		if ((stream->_fileno == fd || stream->_fileno == COOKIE) &&
			libc_stream_pending(stream))
			return false;
	return &_IO_list_all;
}
#else
bool streams_written(int fd)
{
	(void)fd;
	return false;
}
#endif
