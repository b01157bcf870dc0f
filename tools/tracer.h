/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_TRACER_H
#define RSTFIX_TRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Why the kernel sent each RST: its own words, by the tracepoint tcp:tcp_send_reset (with a reason
 * since Linux 6.10) in a tracing instance of our own. Root of the initial user namespace only. It sees
 * all network namespaces.
 */
struct tracer {
	char directory[128]; /* of the instance; empty: not open */
};

struct traced_reset {
	int64_t time_us;  /* CLOCK_MONOTONIC */
	int pid;	  /* of the thread in whose time it was sent */
	bool interrupted; /* by a packet: that thread may have nothing to do with it */
	char program[20]; /* of that thread */
	char source[64];  /* ADDRESS:PORT, IPv4-mapped addresses as IPv4 */
	char destination[64];
	char state[24];	 /* TCP_ESTABLISHED, ... */
	char reason[40]; /* TCP_ABORT_ON_CLOSE, ...; empty where the kernel tells none */
};

/*
 * Makes the instance and starts it. `children`: only what is sent in the time of this process and of
 * those that it starts from now on. False with errno where that is not to be had.
 */
bool tracer_open(struct tracer *t, bool children);

/* Calls fn for each reset so far, in order, until it returns false. False with errno: not readable. */
bool tracer_each(
	const struct tracer *t, bool (*fn)(void *arg, const struct traced_reset *r), void *arg);

/* The resets so far that had `port` at either end, up to max. */
size_t tracer_read(const struct tracer *t, uint16_t port, struct traced_reset *found, size_t max);

/* How many have found no room in the kernel's buffer. */
uint64_t tracer_lost(const struct tracer *t);

/* One line of the trace. False: it is not one of a reset. Pure. */
bool tracer_parse(const char *line, struct traced_reset *r);

/* Removes the instance; does nothing if it is not open. */
void tracer_close(struct tracer *t);

#endif
