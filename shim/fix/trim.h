/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_TRIM_H
#define RSTFIX_TRIM_H

#include <stdbool.h>

/*
 * A socket filter that cuts the payload off whatever still comes: acknowledgements are processed,
 * nothing is queued, so that a close right after cannot reset, and the kernel delivers the output by
 * itself, even after the process has ended. Until the FIN is acknowledged, that is: a byte after that
 * draws a RST, which destroys nothing any more. A peer that sends all before it reads anything
 * waits for the acknowledgement of what it sent.
 *
 * False: not attached, for one of the reasons of filter_attach(). No errno; any context.
 */
bool trim_attach(int fd);

/* Takes that filter off again; another one is left. */
void trim_detach(int fd);

/* Why an event is told as delivered while its output is not acknowledged yet. */
#define TRIM_LEFT "the kernel goes on to deliver its output"

#endif
