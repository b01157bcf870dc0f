/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_TRACER_H
#define RSTFIX_TRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Why the kernel sent each RST: its own words, by the tracepoint tcp:tcp_send_reset (with a reason
 * since Linux 6.10) in a tracing instance of our own. Root of the initial user namespace only.
 */
struct tracer {
	char directory[128]; /* of the instance; empty: not open */
};

struct traced_reset {
	char source[64]; /* ADDRESS:PORT */
	char destination[64];
	char state[24];	 /* TCP_ESTABLISHED, ... */
	char reason[40]; /* TCP_ABORT_ON_CLOSE, ...; empty where the kernel tells none */
};

/* Makes the instance and starts it. False with errno where that is not to be had. */
bool tracer_open(struct tracer *t);

/* The resets so far that had `port` at either end, up to max. */
size_t tracer_read(const struct tracer *t, uint16_t port, struct traced_reset *found, size_t max);

/* Removes the instance; does nothing if it is not open. */
void tracer_close(struct tracer *t);

#endif
