/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_LISTENING_H
#define RSTFIX_LISTENING_H

#include <stdbool.h>

/*
 * shutdown() of a listener's reading side resets what waits in its accept queue, and leaves a socket
 * that may listen again. True: fd, which has a hint, is a listener, and *r is what the call has
 * returned. False: nothing was done.
 */
bool listening_shutdown(int fd, int how, const void *caller, int *r);

#endif
