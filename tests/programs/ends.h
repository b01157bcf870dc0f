/* SPDX-License-Identifier: MIT */
#ifndef ENDS_H
#define ENDS_H

/*
 * Clients that end with their connection open: `PROGRAM HOW PORT [filtered]`. They say a line, get an
 * answer that they leave unread, write, and end in some way. `filtered`: the socket has a filter of
 * its own, so that the shim cannot leave it to the kernel with another.
 */
#include "victim.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <stdint.h>
#include <time.h>

#define LARGE (4 << 20)
#define TAIL  1000 /* fits into a stream's buffer */

static char bytes[LARGE + TAIL];
static bool filtered;

static inline struct sockaddr_in address_of(const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	const char *address = getenv("VICTIM_ADDRESS");

	inet_pton(AF_INET, address ? address : "127.0.0.1", &a.sin_addr);
	return a;
}

static inline int connect_to(const char *port)
{
	struct sockaddr_in a = address_of(port);
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 0xffffffff);
	struct sock_fprog program = {1, &all};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		err(1, "connect");
	if (filtered) /* where it is not permitted, it is to nobody */
		setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
	return fd;
}

/* The answer is there, and unread. */
static inline int ask(const char *port)
{
	struct pollfd p = {.events = POLLIN};

	p.fd = connect_to(port);
	if (write(p.fd, "?\n", 2) != 2 || poll(&p, 1, 5000) != 1)
		err(1, "no answer");
	return p.fd;
}

static inline void put(int fd, size_t n)
{
	if (write(fd, bytes, n) != (ssize_t)n)
		err(1, "write");
}

/* To which the test compares when the program has ended. */
static inline void about_to_end(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	fprintf(stderr, "ends at %lld.%09ld\n", (long long)t.tv_sec, t.tv_nsec);
}

/* As much as the two kernels hold while the peer does not read. */
static inline void fill(int fd)
{
	long all = 0, n;

	while ((n = send(fd, bytes, TAIL, MSG_DONTWAIT)) > 0)
		all += n;
	say("wrote", all);
}

static inline int end_somehow(int argc, char **argv, const struct attack *table, size_t count)
{
	filtered = argc > 2 && !strcmp(argv[argc - 1], "filtered");
	return attack(argv, table, count);
}

#endif
