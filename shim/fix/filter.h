/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_FILTER_H
#define RSTFIX_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>

/*
 * Classic BPF on a socket, by SO_ATTACH_FILTER. Offsets count from the TCP header; what the program
 * returns is how many bytes of a packet are kept, 0: the packet is dropped.
 *
 * TCP only, and never over a filter of the program's own. Needs CAP_NET_ADMIN in the user namespace
 * of the network namespace (Linux 6.18 says EPERM otherwise): tried once and remembered. False: not
 * attached. No errno; any context.
 */
bool filter_attach(int fd, const struct sock_filter *code, unsigned short length);

/* How many instructions the socket's filter has; 0: it has none; -errno: not to be known. */
long filter_length(int fd);

/* Takes away what filter_attach() has attached. */
void filter_detach(int fd);

/* Offsets and flags of a TCP header. */
#define FILTER_DATA_OFFSET 12 /* in the upper four bits, in words of four bytes */
#define FILTER_FLAGS	   13
#define FILTER_FIN	   0x01
#define FILTER_SYN	   0x02
#define FILTER_ACK	   0x10

#endif
