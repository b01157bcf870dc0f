/* SPDX-License-Identifier: MIT */
#ifndef SHUTDOWNS_H
#define SHUTDOWNS_H

/* What the programs share that look at a connection whose both sides they have shut. */

#include "victim.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <time.h>

#define AT_ONCE_MS 100
#define LATEST_MS  1000 /* where only the shim's own clock can tell the kernel */

static char buf[64];

static inline int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Nothing blocks: whatever comes later than at once is a difference. */
static inline void quick_pair(int fds[2])
{
	tcp_pair(fds);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
}

static inline long state_of(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	return info.tcpi_state;
}

static inline void await_acknowledgement(int fd)
{
	while (state_of(fd) == TCP_FIN_WAIT1)
		usleep(200);
}

static inline void shut_pair(int fds[2], int how)
{
	quick_pair(fds);
	if (shutdown(fds[0], how))
		err(1, "shutdown");
}

static inline long polled(int fd, bool by_ppoll)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLRDHUP};
	struct timespec limit = {0, 0};
	int n = by_ppoll ? ppoll(&p, 1, &limit, NULL) : poll(&p, 1, 0);

	return n == 1 ? p.revents : -n - 1000;
}

#endif
