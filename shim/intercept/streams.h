/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_STREAMS_H
#define RSTFIX_STREAMS_H

#include "../base/fdhint.h"

#include <stdbool.h>

/*
 * The stdio streams of TCP sockets (fdopen): what they still buffer must be sent before a half-close
 * at exit, and libc flushes them only afterwards.
 */

/*
 * Flushes the streams of fd, whose record is rec, and of the other numbers of its socket, as libc is about
 * to do. May block as that does. False: another thread may be using one, or not all could be written.
 * errno is kept.
 */
bool streams_flush(int fd, const struct fdrec *rec);

/* The same of standard output and error, where they are this socket: a service of inetd's. */
bool streams_flush_standard(int fd);

/*
 * exit() will not write to this number any more: by no stream, whatever that was opened for. False where
 * libc does not tell. Only in a process with one thread.
 */
bool streams_written(int fd);

#endif
