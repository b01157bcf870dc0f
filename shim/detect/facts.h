/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_FACTS_H
#define RSTFIX_FACTS_H

#include "verdict.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The kernel's answers about a descriptor, by raw system call: no errno, no cancellation point,
 * any context. Nothing here changes the socket.
 */

/*
 * The cheap question, asked of every TCP socket at its close: can it do anything but close cleanly?
 * True: nothing is queued to be read, no urgent byte either, and linger-0 is not in effect. That a read
 * has returned 0 does not answer it: it may have been another socket's, or a duplicate has shut the reading
 * side, or connected anew. `was_shared`: another process may have set its options, so that they are asked
 * for. *unread, 0 before, is what SIOCINQ has told. Two system calls by
 * the same way into the kernel; one that asks less often by another way (SO_MEMINFO shows an empty
 * queue at once) was measured to be slower.
 */
bool facts_harmless(int fd, bool was_shared, int *unread);

/*
 * Linger-0, or a negative TCP_LINGER2, may be in effect somewhere in this process: it was set through
 * a door. Until then it is asked for only of what others may have set it on: that question is a third of
 * what a clean close costs.
 */
void facts_expect_linger_zero(void);
void facts_expect_linger2(void);

/*
 * Nothing comes that a close could answer with RST: the peer has sent its FIN; or, unless `any` may come, all
 * output is acknowledged, and the peer has sent no more than a small request or answer. Not of MPTCP, which
 * queues above the segments.
 */
bool facts_at_rest(int fd, bool any);

#define FACTS_NONE_UNREAD (-1)

/*
 * The whole question. `unread`: what facts_harmless() has been told just now, 0: to be asked. False:
 * not a TCP connection, or nothing can be known of it.
 */
bool facts_ask(int fd, int unread, struct facts *f);

/* ... and what it does not ask for, of a socket whose options another process may have set. */
void facts_ask_linger(int fd, struct facts *f);

/* The parts of it. */
uint64_t facts_cookie(int fd);		  /* SO_COOKIE (4.6); 0: none */
uint64_t facts_netns_cookie(int fd);	  /* SO_NETNS_COOKIE (5.14); 0: none */
uint64_t facts_unsent(int fd);		  /* SIOCOUTQ: bytes, and one for an unacknowledged FIN */
bool facts_armed(int fd);		  /* SO_LINGER {1,0} or a negative TCP_LINGER2 is set */
int facts_state(int fd);		  /* tcpi_state; -1: not a TCP socket */
bool facts_peer_fin(int fd);		  /* ... of one that has the peer's FIN or RST */
int facts_acked(int fd, uint64_t *bytes); /* the state, and tcpi_bytes_acked */
bool facts_is_tcp(int fd);		  /* a TCP or MPTCP socket, in whatever state */
bool facts_reuseaddr(int fd);

/*
 * The window that the peer has announced takes all output and the FIN: no more is asked of it. Before Linux
 * 5.4 that is known only where all is acknowledged.
 */
bool facts_fits_window(int fd);

/* Output waits for room at the peer, and none is in flight. *acked: tcpi_bytes_acked. */
bool facts_window_shut(int fd, uint64_t *acked);

/* MSG_MORE or TCP_CORK hold its output back, for the close to send: less than a segment, none under way. */
bool facts_corked(int fd);

/* An MPTCP socket whose peer speaks it too: not one that goes on as TCP. */
bool facts_speaks_mptcp(int fd);

/*
 * Of a socket that is shut on both sides: data has come since this tcpi_data_segs_in was told, and was
 * answered with RST, or will be by its close. Reads SO_ERROR, so of a socket of the shim's alone.
 */
bool facts_reset_since(int fd, uint32_t data_segs_in);

/* The addresses; family 0 when not known. IPv4-mapped ones are told as IPv4. */
void facts_local(int fd, struct endpoint *e);
void facts_peer(int fd, struct endpoint *e);
bool facts_peer_is_near(int fd, struct endpoint *peer); /* it may be this very process */
bool facts_is_at(int fd, const struct endpoint *e);	/* its own end is */
void facts_endpoint(const void *sockaddr, unsigned len, struct endpoint *e);

#endif
