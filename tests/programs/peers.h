/* SPDX-License-Identifier: MIT */
#ifndef PEERS_H
#define PEERS_H

/* Servers and their peers, which are the program `peers` beside them, with nothing preloaded. */

#include "victim.h"

#include <limits.h>

/* A port of the kernel's choice, on all addresses. */
static inline int listen_on(int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, len) || listen(fd, 1024) ||
		getsockname(fd, (struct sockaddr *)&a, &len))
		err(1, "listen");
	*port = ntohs(a.sin_port);
	return fd;
}

/* Ends the child when it cannot. */
static inline pid_t start_peer(char **argv)
{
	char path[PATH_MAX + sizeof("peers")];
	pid_t pid = fork();
	ssize_t len;

	if (pid)
		return pid;
	len = readlink("/proc/self/exe", path, PATH_MAX);
	while (len > 0 && path[len - 1] != '/')
		len--;
	strcpy(path + (len > 0 ? len : 0), "peers");
	setenv("LD_PRELOAD", "", 1);
	execv(path, argv);
	err(1, "%s", path);
}

/*
 * One after the other they send a request, and expect so many bytes and then the end of file. silent: every
 * tenth neither reads nor closes. The process exits with 0 if everyone else got what it expected.
 */
static inline pid_t start_asking_peers(int port, unsigned count, long bytes, int silent)
{
	char text[4][24];

	snprintf(text[0], 24, "%d", port);
	snprintf(text[1], 24, "%u", count);
	snprintf(text[2], 24, "%ld", bytes);
	snprintf(text[3], 24, "%d", silent);
	return start_peer((char *[]){"peers", "ask", text[0], text[1], text[2], text[3], NULL});
}

#endif
