/* SPDX-License-Identifier: MIT */
#ifndef GIVEN_H
#define GIVEN_H

/*
 * Services that share their connection with another process: PROGRAM PART PORT COUNT BYTES END [late].
 * They answer more than their peer has room for, with most of the request unread, or all of it read
 * (late), and then end the connection in some way. Their peers: given peers ...
 */
#include "victim.h"

#include <netinet/in.h>
#include <sys/wait.h>

#define REQUEST 100

static const char *myself, *port, *count_text, *bytes_text, *end, *late;
static unsigned count;
static long bytes;

static inline struct sockaddr_in address(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	const char *text = getenv("VICTIM_ADDRESS");

	inet_pton(AF_INET, text ? text : "127.0.0.1", &a.sin_addr);
	return a;
}

static inline void nap(int ms)
{
	poll(NULL, 0, ms);
}

static inline void answer(int in, int out)
{
	static char block[1 << 16];
	size_t want = late ? REQUEST : 1;
	long left = bytes;

	if (recv(in, block, want, MSG_WAITALL) != (ssize_t)want)
		err(1, "request");
	while (left > 0) {
		ssize_t n = write(out, block, left < 1 << 16 ? (size_t)left : 1 << 16);

		if (n < 0)
			err(1, "answer");
		left -= n;
	}
}

static inline int listen_here(void)
{
	struct sockaddr_in a = address();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1024))
		err(1, "listen");
	return fd;
}

static inline int accept_one(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		err(1, "accept");
	return fd;
}

/* The children that have ended, or all. What fails there says so on the connection, if anywhere. */
static inline void reap(int flags)
{
	int status;

	while (waitpid(-1, &status, flags) > 0)
		if (status != 0)
			warnx("a service has failed: %#x", status);
}

struct part {
	const char *name;
	void (*play)(void);
};

static inline int play(int argc, char **argv, const struct part *parts, size_t n)
{
	if (argc < 6)
		errx(2, "usage: PROGRAM PART PORT COUNT BYTES END [late]");
	myself = argv[0];
	port = argv[2];
	count_text = argv[3];
	count = (unsigned)atoi(count_text);
	bytes_text = argv[4];
	bytes = atol(bytes_text);
	end = argv[5];
	late = argv[6];
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(argv[1], parts[i].name)) {
			parts[i].play();
			return 0;
		}
	}
	errx(2, "no part %s", argv[1]);
}

#endif
