/* SPDX-License-Identifier: MIT */
#ifndef FAULTED_STEPS_H
#define FAULTED_STEPS_H

/* What a program of faulted.c says, and what it asks of its peer. */

#include "faulted.h"

#include <sys/ioctl.h>

#define ANSWER 100000

/* A call that succeeds leaves errno alone, also where the shim works in between. */
#define STEP(call) \
	do { \
		long result; \
\
		errno = 4444; \
		result = (long)(call); \
		tell(#call, result, errno); \
	} while (0)

static inline void tell(const char *what, long result, int error)
{
	printf("%s = %ld, errno %d\n", what, result, error);
}

static inline void nap(long ms)
{
	struct timespec ts = {0, ms * 1000000};

	nanosleep(&ts, NULL);
}

/* --- connections --- */

static int control;

/* Returns when the peer has done it. */
static inline void ask(char what, int port, int bytes)
{
	struct request r = {what, port, bytes};
	char done;

	if (write(control, &r, sizeof(r)) != sizeof(r) || read(control, &done, 1) != 1)
		_exit(90);
}

static inline int port_of(int listener)
{
	struct sockaddr_in where;
	socklen_t len = sizeof(where);

	getsockname(listener, (struct sockaddr *)&where, &len);
	return ntohs(where.sin_port);
}

static inline int listen_on_any(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 16))
		_exit(91);
	return fd;
}

static inline void await_input(int fd, int bytes)
{
	int have = 0;

	for (int i = 0; i < 5000 && ioctl(fd, FIONREAD, &have) == 0 && have < bytes; i++)
		usleep(100);
}

/* An accepted socket with that many bytes unread. */
static inline int served_by(int listener, int bytes)
{
	int fd;

	ask(CONNECT, port_of(listener), bytes);
	fd = accept(listener, NULL, NULL);
	await_input(fd, bytes);
	return fd;
}

static inline int served(int bytes)
{
	int listener = listen_on_any(), fd = served_by(listener, bytes);

	close(listener);
	return fd;
}

/* More than the peer's receive buffer holds: what a reset throws away. */
static inline int answered(int bytes)
{
	static char answer[ANSWER];
	int fd = served(bytes);

	STEP(write(fd, answer, sizeof(answer)));
	return fd;
}

#endif
