/* SPDX-License-Identifier: MIT */
#ifndef VICTIM_H
#define VICTIM_H

/*
 * What the helper programs of these tests share: a connection that a close would reset.
 * VICTIM_ADDRESS is the loopback address to use, so that a trace tells this run from others.
 */

#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* fds[0] is the accepted end, fds[1] the connected one. Ends the program when it cannot. */
static inline void tcp_pair(int fds[2])
{
	struct sockaddr_in where = {.sin_family = AF_INET};
	const char *address = getenv("VICTIM_ADDRESS");
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(where);

	inet_pton(AF_INET, address ? address : "127.0.0.1", &where.sin_addr);
	fds[1] = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 || fds[1] < 0 || bind(listener, (struct sockaddr *)&where, len) ||
		listen(listener, 1) || getsockname(listener, (struct sockaddr *)&where, &len) ||
		connect(fds[1], (struct sockaddr *)&where, len))
		err(1, "tcp_pair");
	fds[0] = accept(listener, NULL, NULL);
	if (fds[0] < 0)
		err(1, "accept");
	close(listener);
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

#endif
