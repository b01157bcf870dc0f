/* SPDX-License-Identifier: MIT */
/*
 * A connection that is shut by one of its two numbers. As shutdowns.c.
 * usage: shutdown_duplicates CASE
 */
#include "shutdowns.h"

/* Shut by one number; data comes, which is answered with RST; the other one is closed last. */
static void closed_last(char **args)
{
	int fds[2], copy;

	(void)args;
	tcp_pair(fds);
	copy = dup(fds[0]);
	shutdown(fds[0], SHUT_RD);
	shutdown(copy, SHUT_WR);
	await_acknowledgement(copy);
	say("write", write(fds[1], "x", 1));
	while (state_of(copy) != TCP_CLOSE)
		usleep(200);
	close(fds[0]);
	close(copy);
}

/* A connection that comes after a shutdown by one number: it is not shut for the other one either. */
static void connects_and_ends(int fd, int copy)
{
	struct sockaddr_in where = {.sin_family = AF_INET};
	int peer, listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(where);

	if (listen(listener, 1) || getsockname(listener, (struct sockaddr *)&where, &len))
		err(1, "listen");
	say("connect", connect(fd, (struct sockaddr *)&where, len));
	peer = accept(listener, NULL, NULL);
	say("write", write(peer, "x", 1));
	close(peer);
	say("read", read(fd, buf, sizeof(buf)));
	say("read", read(fd, buf, sizeof(buf)));
	shutdown(fd, SHUT_WR);
	while (state_of(copy) != TCP_CLOSE)
		usleep(200);
	close(fd);
	close(copy);
	close(listener);
}

static void connected_later(char **args)
{
	int fds[2], fd, copy;

	(void)args;
	tcp_pair(fds);
	copy = dup(fds[0]);
	shutdown(fds[0], SHUT_RDWR);
	close(fds[1]);
	connect(fds[0], &(struct sockaddr){.sa_family = AF_UNSPEC}, 16);
	connects_and_ends(fds[0], copy);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	copy = dup(fd);
	say("shutdown", shutdown(fd, SHUT_RD));
	connects_and_ends(fd, copy);
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {
		{"closed-last", closed_last},
		{"connected-later", connected_later},
	};

	(void)argc;
	return attack(argv, table, sizeof(table) / sizeof(table[0]));
}
