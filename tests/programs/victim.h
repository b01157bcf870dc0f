/* SPDX-License-Identifier: MIT */
#ifndef VICTIM_H
#define VICTIM_H

/*
 * What the helper programs of these tests share: a connection that a close would reset.
 * VICTIM_ADDRESS is the loopback address to use, so that a trace tells this run from others.
 */

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * fds[0] is the accepted end, fds[1] the connected one. Ends the program when it cannot.
 * flags: 0, SOCK_CLOEXEC, SOCK_NONBLOCK
 */
static inline void tcp_pair_with(int fds[2], int flags)
{
	struct sockaddr_in where = {.sin_family = AF_INET};
	const char *address = getenv("VICTIM_ADDRESS");
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(where);

	inet_pton(AF_INET, address ? address : "127.0.0.1", &where.sin_addr);
	fds[1] = socket(AF_INET, SOCK_STREAM | flags, 0);
	if (listener < 0 || fds[1] < 0 || bind(listener, (struct sockaddr *)&where, len) ||
		listen(listener, 1) || getsockname(listener, (struct sockaddr *)&where, &len) ||
		connect(fds[1], (struct sockaddr *)&where, len))
		err(1, "tcp_pair");
	fds[0] = flags ? accept4(listener, NULL, NULL, flags) : accept(listener, NULL, NULL);
	if (fds[0] < 0)
		err(1, "accept");
	close(listener);
}

static inline void tcp_pair(int fds[2])
{
	tcp_pair_with(fds, 0);
}

/* Eleven bytes wait unread at fds[0] from here on: its close resets. */
static inline void leave_unread(int fds[2])
{
	struct pollfd wait = {.fd = fds[0], .events = POLLIN};

	if (write(fds[1], "hello world", 11) != 11)
		err(1, "write");
	poll(&wait, 1, 5000);
}

static inline void unread_pair(int fds[2])
{
	tcp_pair(fds);
	leave_unread(fds);
}

/* Closes a connection whose peer has said something and gone: RST, and no wait when mended. */
static inline void reset_one(void)
{
	struct pollfd wait = {.events = POLLRDHUP};
	int fds[2];

	tcp_pair(fds);
	if (write(fds[1], "unread", 6) != 6)
		err(1, "write");
	close(fds[1]);
	wait.fd = fds[0];
	poll(&wait, 1, 5000);
	close(fds[0]);
}

#ifndef __GLIBC__
#define strerrorname_np strerror
#endif

/* Prints what a call came to, at once: what follows may kill. */
static inline void say(const char *what, long result)
{
	if (result < 0)
		printf("%s: %s\n", what, strerrorname_np(errno));
	else
		printf("%s: %ld\n", what, result);
	fflush(stdout);
}

/* What leave_unread() has left is still there to be read, and both ends part with FIN. */
static inline void use_up(int fds[2])
{
	char bytes[32];

	say("reads", recv(fds[0], bytes, sizeof(bytes), MSG_DONTWAIT));
	say("sends", send(fds[0], "answer", 6, MSG_NOSIGNAL));
	say("the peer reads", recv(fds[1], bytes, sizeof(bytes), 0));
	close(fds[1]);
	say("reads", recv(fds[0], bytes, sizeof(bytes), 0));
	close(fds[0]);
}

/* One thing that a helper program can do, chosen by its first argument. */
struct attack {
	const char *name;
	void (*carry_out)(char **args); /* what comes after the name */
};

static inline int attack(char **argv, const struct attack *table, size_t count)
{
	for (size_t i = 0; argv[0] && argv[1] && i < count; i++) {
		if (!strcmp(argv[1], table[i].name)) {
			table[i].carry_out(argv + 2);
			return 0;
		}
	}
	fprintf(stderr, "usage: one of");
	for (size_t i = 0; i < count; i++)
		fprintf(stderr, " %s", table[i].name);
	fprintf(stderr, "\n");
	return 2;
}

#endif
