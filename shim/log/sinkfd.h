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

bool sinkfd_is_open(int fd);
bool sinkfd_is_unix(int fd);	/* an AF_UNIX socket */
bool sinkfd_is_deleted(int fd); /* its name is gone: nobody will read it */

/* Moves a descriptor of the shim's out of the program's way: high, close-on-exec. */
int sinkfd_move_high(int fd);

#endif
