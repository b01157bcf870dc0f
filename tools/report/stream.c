/* SPDX-License-Identifier: MIT */
#include "stream.h"

#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define RAW ((size_t)128 * 1024)

struct stream {
	int fd;
	enum { PLAIN, GZIP, ZSTD } kind;
	uint64_t position;
	bool ended;    /* of the file */
	bool complete; /* gzip, zstd: nothing is begun that has not ended */
	size_t at, have;
	z_stream gzip;
	ZSTD_DStream *zstd;
	char raw[RAW];
};

/* Fills the empty buffer. False with errno. */
static bool refill(struct stream *s)
{
	ssize_t n;

	do
		n = read(s->fd, s->raw + s->have, RAW - s->have);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return false;
	s->ended = n == 0;
	s->have += (size_t)n;
	s->position += (size_t)n;
	return true;
}

static bool begins(const struct stream *s, const char *magic, size_t len)
{
	return s->have >= len && memcmp(s->raw, magic, len) == 0;
}

static bool find_kind(struct stream *s)
{
	while (s->have < 4 && !s->ended) { /* a pipe may give it byte by byte */
		if (!refill(s))
			return false;
	}
	s->complete = true;
	if (begins(s, "\x1f\x8b", 2)) {
		s->kind = GZIP;
		return inflateInit2(&s->gzip, 15 + 16) == Z_OK;
	}
	if (begins(s, "\x28\xb5\x2f\xfd", 4)) {
		s->kind = ZSTD;
		s->zstd = ZSTD_createDStream();
		return s->zstd != NULL;
	}
	return true;
}

struct stream *stream_open(const char *path)
{
	bool standard = strcmp(path, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), error;
	struct stream *s;

	if (fd < 0)
		return NULL;
	s = memory_get(1, sizeof(*s));
	s->fd = fd;
	if (find_kind(s))
		return s;
	error = errno;
	stream_close(s);
	errno = error;
	return NULL;
}

static size_t read_plain(struct stream *s, char *into, size_t size)
{
	size_t n = s->have - s->at < size ? s->have - s->at : size;

	memcpy(into, s->raw + s->at, n);
	s->at += n;
	return n;
}

/* -1: broken. Members may follow one another. */
static ssize_t read_gzip(struct stream *s, char *into, size_t size)
{
	int result;

	s->gzip.next_in = (Bytef *)s->raw + s->at;
	s->gzip.avail_in = (uInt)(s->have - s->at);
	s->gzip.next_out = (Bytef *)into;
	s->gzip.avail_out = (uInt)size;
	result = inflate(&s->gzip, Z_NO_FLUSH);
	s->at = s->have - s->gzip.avail_in;
	s->complete = result == Z_STREAM_END;
	if (s->complete)
		inflateReset(&s->gzip);
	else if (result != Z_OK && result != Z_BUF_ERROR)
		return -1;
	return (ssize_t)(size - s->gzip.avail_out);
}

static ssize_t read_zstd(struct stream *s, char *into, size_t size)
{
	ZSTD_inBuffer in = {s->raw, s->have, s->at};
	ZSTD_outBuffer out = {into, size, 0};
	size_t result = ZSTD_decompressStream(s->zstd, &out, &in);

	s->at = in.pos;
	if (ZSTD_isError(result))
		return -1;
	s->complete = result == 0;
	return (ssize_t)out.pos;
}

ssize_t stream_read(struct stream *s, char *into, size_t size, const char **why)
{
	ssize_t n;

	for (;;) {
		if (s->at == s->have && !s->ended) {
			s->at = s->have = 0;
			if (!refill(s)) {
				*why = strerror(errno);
				return -1;
			}
		}
		if (s->kind == PLAIN)
			return (ssize_t)read_plain(s, into, size);
		if (s->at == s->have && s->complete)
			return 0;
		n = s->kind == GZIP ? read_gzip(s, into, size) : read_zstd(s, into, size);
		if (n > 0)
			return n;
		if (n < 0 || (s->ended && s->at == s->have && !s->complete)) {
			*why = n < 0 ? "the compressed data is broken"
				     : "the compressed data ends early";
			return -1;
		}
	}
}

uint64_t stream_position(const struct stream *s)
{
	return s->position;
}

void stream_close(struct stream *s)
{
	if (s->kind == GZIP)
		inflateEnd(&s->gzip);
	ZSTD_freeDStream(s->zstd);
	if (s->fd != STDIN_FILENO)
		close(s->fd);
	free(s);
}
