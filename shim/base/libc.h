/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_LIBC_H
#define RSTFIX_LIBC_H

#include "host.h"
#include "hot.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

struct mmsghdr;
struct epoll_event;

/*
 * libc_NAME is the real function of each row of hooks.def: RTLD_NEXT's once libc_resolve() has run,
 * before that a raw system call (law 6), or for what is no system call a look-up at the call.
 */
#define HOOK(ret, name, params, need) \
	extern __attribute__((visibility("hidden"))) ret(*libc_##name) params;
#include "../hooks.def"
#undef HOOK

/*
 * Resolves every row by dlsym(RTLD_NEXT). Called once, by the constructor. A row that libc does not
 * have keeps its fallback. Returns the name of a REQUIRED row that is missing, or NULL.
 */
const char *libc_resolve(void);

/* Calls that are no doors, kept out of the hooks' way. */
int libc_stream_fd(FILE *stream);	/* fileno without touching errno; -1: no descriptor */
bool libc_stream_pending(FILE *stream); /* output that stdio still buffers */
int libc_stream_flush(FILE *stream);	/* fflush of this one stream */

/* Nothing is buffered any more; false: it is locked by another thread, or could not all be written. */
bool libc_stream_try_flush(FILE *stream);

#endif
