/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_SINKFD_H
#define RSTFIX_SINKFD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The writing itself, by raw system call: no blocking, no SIGPIPE, no errno. Any context. */

/* To a descriptor whose st_mode is `mode`. True: all of it was written. */
bool sinkfd_write(int fd, mode_t mode, const char *buf, size_t len);

/* A datagram socket connected to the path, which is shorter than 108 bytes; or -errno. */
int sinkfd_connect(const char *path);

/* One datagram. Bytes, or -errno. */
long sinkfd_send(int fd, const char *buf, size_t len);

/* What a descriptor was when it was the sink's: compared before each write. */
struct sinkfd_identity {
	dev_t dev;
	ino_t ino;
	mode_t mode;
};

bool sinkfd_identify(int fd, struct sinkfd_identity *id);
bool sinkfd_same(const struct sinkfd_identity *a, const struct sinkfd_identity *b);

bool sinkfd_is_open(int fd);
bool sinkfd_is_unix(int fd);	/* an AF_UNIX socket */
bool sinkfd_is_deleted(int fd); /* its name is gone: nobody will read it */

/*
 * Moves a descriptor of the shim's out of the program's way: high, close-on-exec. Negative: it cannot
 * be moved, and must not stay, for the program's next one would have another number than without it.
 */
int sinkfd_move_high(int fd);

#endif
