/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_TRANSPORT_H
#define RSTFIX_TRANSPORT_H

#include <stdbool.h>
#include <sys/socket.h>

/* What the two ends of a trial connect by: TCP over IPv4 unless the trial says else. */
struct transport {
	const char *name;
	int listen_family, connect_family;
	int listen_protocol, connect_protocol;
	bool any; /* listens on every address, not only the loopback one */
};

enum {
	TRANSPORT_IPV4,
	TRANSPORT_IPV6,
	TRANSPORT_MAPPED,
	TRANSPORT_MPTCP,
	TRANSPORT_FALLBACK,
	TRANSPORTS
};

extern const struct transport transports[TRANSPORTS];

/* A socket bound to a free port, and the port. -1 with errno. */
int transport_bind(const struct transport *t, int flags, int *port);

/* A socket to connect, and whom to. -1 with errno. */
int transport_socket(const struct transport *t, int flags);
socklen_t transport_peer(const struct transport *t, int port, struct sockaddr_storage *at);

/* Why this kernel does not have it; NULL: it has. */
const char *transport_missing(const struct transport *t);

#endif
