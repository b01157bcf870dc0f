/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_STREAM_H
#define RSTFIX_REPORT_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The bytes of a log: a file or standard input, plain, gzip or zstd by its first bytes. */

struct stream;

/* path "-" is standard input. NULL with errno. */
struct stream *stream_open(const char *path);

/*
 * Up to size bytes; 0 at the end. -1: it cannot be read on, *why says so (what came before is good).
 */
ssize_t stream_read(struct stream *s, char *into, size_t size, const char **why);

/* How much of the file has been read, compressed as it is. */
uint64_t stream_position(const struct stream *s);

void stream_close(struct stream *s);

#endif
