/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_SINKPATH_H
#define RSTFIX_SINKPATH_H

#include <stdbool.h>

/* Where the log is, if it is no descriptor of the program's: a file, or the socket of a daemon. */

/*
 * Takes the configuration of `self`. Called by the constructor. NULL, or why it cannot be written.
 */
const char *sinkpath_start(void);

/* In a forked child. True: its file is another one (%p). */
bool sinkpath_forked(void);

/* Absolute; of this process. */
const char *sinkpath(void);

/* A new descriptor of it, close-on-exec: a file to append to, a connected socket. Or -errno. */
int sinkpath_open(void);

/* Is it the socket of a daemon (syslog, journal)? */
bool sinkpath_is_daemon(void);

#endif
