/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_NETNS_H
#define RSTFIX_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A private network namespace, and the kernel's own count of what it sent there. OutRsts counts
 * every RST; the TcpExt counters tell some of the causes, never all of them (the commonest have no
 * counter).
 */
struct netns_counters {
	uint64_t out_rsts;
	uint64_t abort_on_close;
	uint64_t abort_on_data;
	uint64_t abort_on_linger;
	uint64_t abort_on_timeout;
};

/*
 * Moves the calling thread into a new network namespace with lo up; without the right to make one,
 * into a new user namespace as well, where the caller keeps its uid. The process must have one
 * thread only. With LAB_NETNS=keep in the environment it stays where it is: for a caller that has
 * made a private namespace, and has given up the right to make another since. False if the kernel does not allow it; the reason is then told in why.
 */
bool netns_enter(char *why, size_t size);

/* The state (TCP_ESTABLISHED, ...) of a connection of the calling thread's namespace; 0: there is none. */
int netns_tcp_state(uint16_t local_port, uint16_t remote_port);

/* The counters of the calling thread's namespace. A counter the kernel does not have is 0. */
bool netns_count(struct netns_counters *c);

#endif
