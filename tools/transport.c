/* SPDX-License-Identifier: MIT */
#include "transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

const struct transport transports[TRANSPORTS] = {
	[TRANSPORT_IPV4] = {"IPv4", AF_INET, AF_INET, 0, 0, false},
	[TRANSPORT_IPV6] = {"IPv6", AF_INET6, AF_INET6, 0, 0, false},
	/* A listener for both families; its peer is told as ::ffff:127.0.0.1. */
	[TRANSPORT_MAPPED] = {"mapped IPv4", AF_INET6, AF_INET, 0, 0, true},
	[TRANSPORT_MPTCP] = {"MPTCP", AF_INET, AF_INET, IPPROTO_MPTCP, IPPROTO_MPTCP, false},
	/* A peer that does not speak it. */
	[TRANSPORT_FALLBACK] = {"MPTCP that fell back", AF_INET, AF_INET, IPPROTO_MPTCP, 0, false},
};

static socklen_t address(int family, bool any, int port, struct sockaddr_storage *at)
{
	struct sockaddr_in *in = (struct sockaddr_in *)at;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)at;

	memset(at, 0, sizeof(*at));
	at->ss_family = (sa_family_t)family;
	if (family == AF_INET) {
		in->sin_port = htons((uint16_t)port);
		in->sin_addr.s_addr = htonl(any ? INADDR_ANY : INADDR_LOOPBACK);
		return sizeof(*in);
	}
	in6->sin6_port = htons((uint16_t)port);
	in6->sin6_addr = any ? in6addr_any : in6addr_loopback;
	return sizeof(*in6);
}

/* The port stands at the same place in both. */
static int port_of(const struct sockaddr_storage *at)
{
	return ntohs(((const struct sockaddr_in *)at)->sin_port);
}

int transport_bind(const struct transport *t, int flags, int *port)
{
	struct sockaddr_storage at;
	socklen_t len = address(t->listen_family, t->any, 0, &at);
	int fd = socket(t->listen_family, SOCK_STREAM | flags, t->listen_protocol), error;

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&at, len) == 0 &&
		getsockname(fd, (struct sockaddr *)&at, &len) == 0) {
		*port = port_of(&at);
		return fd;
	}
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

int transport_socket(const struct transport *t, int flags)
{
	return socket(t->connect_family, SOCK_STREAM | flags, t->connect_protocol);
}

socklen_t transport_peer(const struct transport *t, int port, struct sockaddr_storage *at)
{
	return address(t->connect_family, false, port, at);
}

const char *transport_missing(const struct transport *t)
{
	int port, fd = transport_bind(t, SOCK_CLOEXEC, &port);

	if (fd < 0)
		return strerror(errno);
	close(fd);
	return NULL;
}
