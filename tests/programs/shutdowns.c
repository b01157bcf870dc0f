/* SPDX-License-Identifier: MIT */
/*
 * What a program can see of a connection whose both sides it has shut. Each line printed is the
 * same with the shim: in mode fix the kernel learns of the reading side later than the program.
 * usage: shutdowns CASE
 */
#include "shutdowns.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/syscall.h>

/* Linux goes on receiving after SHUT_RD alone, and the program may go on writing. */
static void one_side(char **args)
{
	int fds[2];

	(void)args;
	shut_pair(fds, SHUT_RD);
	say("read", read(fds[0], buf, sizeof(buf)));
	leave_unread(fds);
	say("read what came later", read(fds[0], buf, sizeof(buf)));
	say("write", write(fds[0], "x", 1));
	say("the peer reads", read(fds[1], buf, sizeof(buf)));
	say("shutdown", shutdown(fds[0], SHUT_WR));
	say("the peer reads", read(fds[1], buf, sizeof(buf)));
	say("read", read(fds[0], buf, sizeof(buf)));
}

/* --- waits --- */

static long selected(int fd, bool by_pselect)
{
	struct timespec limit = {0, 0};
	struct timeval tv = {0, 0};
	fd_set in, except;

	FD_ZERO(&in);
	FD_ZERO(&except);
	FD_SET(fd, &in);
	FD_SET(fd, &except);
	return by_pselect ? pselect(fd + 1, &in, NULL, &except, &limit, NULL)
			  : select(fd + 1, &in, NULL, &except, &tv);
}

static void polls(char **args)
{
	int fds[2];

	(void)args;
	shut_pair(fds, SHUT_RDWR);
	say("poll", polled(fds[0], false));
	shut_pair(fds, SHUT_RDWR);
	say("ppoll", polled(fds[0], true));
	shut_pair(fds, SHUT_RDWR);
	say("select", selected(fds[0], false));
	shut_pair(fds, SHUT_RDWR);
	say("pselect", selected(fds[0], true));
	shut_pair(fds, SHUT_RD);
	say("poll after SHUT_RD", polled(fds[0], false));
	quick_pair(fds);
	shutdown(fds[0], SHUT_WR);
	shutdown(fds[0], SHUT_RD);
	say("poll after SHUT_WR and SHUT_RD", polled(fds[0], false));
}

static long waited(int ep, int way)
{
	struct epoll_event got = {0};
	struct timespec limit = {0, 0};
	long n = way == 0  ? epoll_wait(ep, &got, 1, 0)
		: way == 1 ? epoll_pwait(ep, &got, 1, 0, NULL)
		: way == 2 ? epoll_pwait2(ep, &got, 1, &limit, NULL)
			   : syscall(SYS_epoll_pwait, ep, &got, 1, 0, NULL, 8);

	return n == 1 ? (long)got.events : -n - 1000;
}

static void epolls(char **args)
{
	struct epoll_event edge = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET}, got,
			   level = {.events = EPOLLIN};
	int fds[2], ep, way;

	(void)args;
	for (way = 0; way < 4; way++) {
		ep = epoll_create1(0);
		tcp_pair(fds);
		epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &edge);
		say("before", epoll_wait(ep, &got, 1, 0));
		shutdown(fds[0], SHUT_RDWR);
		await_acknowledgement(fds[0]); /* which is an edge of its own */
		say("the edge", waited(ep, way));
		say("no other", epoll_wait(ep, &got, 1, 0));
		epoll_ctl(ep, EPOLL_CTL_DEL, fds[0], NULL);
		shut_pair(fds, SHUT_RDWR);
		epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &level);
		say("registered later", waited(ep, way));
	}
}

static void receive_timeout(char **args)
{
	struct timeval limit = {5, 0};
	int64_t start;
	int fds[2];

	(void)args;
	tcp_pair(fds);
	setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	shutdown(fds[0], SHUT_RDWR);
	start = now_ms();
	say("read", read(fds[0], buf, sizeof(buf)));
	say("in time", now_ms() - start < LATEST_MS);
}

/* --- results --- */

static int pipes;

static void count_pipe(int number)
{
	(void)number;
	pipes++;
}

static void writes(char **args)
{
	int fds[2];

	(void)args;
	signal(SIGPIPE, count_pipe);
	shut_pair(fds, SHUT_RDWR);
	say("write", write(fds[0], "x", 1));
	say("send", send(fds[0], "x", 1, MSG_NOSIGNAL));
	say("SIGPIPE", pipes);
	say("the peer reads", read(fds[1], buf, sizeof(buf)));
	say("connect", connect(fds[0], &(struct sockaddr){.sa_family = AF_UNSPEC}, 16));
	say("read", read(fds[0], buf, sizeof(buf)));
}

/* Nothing of the first connection may reach the second one of the same socket. */
static void reconnects(char **args)
{
	struct sockaddr_in where = {.sin_family = AF_INET};
	socklen_t len = sizeof(where);
	int fds[2], listener = socket(AF_INET, SOCK_STREAM, 0);

	(void)args;
	quick_pair(fds);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	if (bind(listener, (struct sockaddr *)&where, len) || listen(listener, 1) ||
		getsockname(listener, (struct sockaddr *)&where, &len))
		err(1, "listen");
	shutdown(fds[1], SHUT_RDWR);
	say("disconnect", connect(fds[1], &(struct sockaddr){.sa_family = AF_UNSPEC}, 16));
	say("connect", connect(fds[1], (struct sockaddr *)&where, len));
	fds[0] = accept(listener, NULL, NULL);
	usleep(300000);
	say("read", recv(fds[1], buf, sizeof(buf), MSG_DONTWAIT));
	say("shutdown", shutdown(fds[1], SHUT_RDWR));
	say("read", recv(fds[1], buf, sizeof(buf), MSG_DONTWAIT));
}

static void questions(char **args)
{
	int fds[2], n = 0, error = 0;
	socklen_t len = sizeof(error);

	(void)args;
	quick_pair(fds);
	leave_unread(fds);
	shutdown(fds[0], SHUT_RDWR);
	usleep(20000);
	say("state", state_of(fds[0]));
	say("FIONREAD", ioctl(fds[0], FIONREAD, &n) ? -1 : n);
	say("SO_ERROR", getsockopt(fds[0], SOL_SOCKET, SO_ERROR, &error, &len) ? -1 : error);
	say("SIOCOUTQ", ioctl(fds[0], TIOCOUTQ, &n) ? -1 : n);
}

static void reset_by_peer(int fds[2])
{
	struct linger hard = {1, 0};

	setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fds[1]);
	while (state_of(fds[0]) != TCP_CLOSE)
		usleep(200);
}

static void twice(char **args)
{
	int fds[2], first, second;

	(void)args;
	for (first = SHUT_RD; first <= SHUT_RDWR; first++) {
		for (second = SHUT_RD; second <= SHUT_RDWR; second++) {
			shut_pair(fds, first);
			say("again", shutdown(fds[0], second));
			say("and again", shutdown(fds[0], first));
			say("read", recv(fds[0], buf, sizeof(buf), MSG_DONTWAIT));
			shut_pair(fds, first);
			reset_by_peer(fds);
			say("after a reset", shutdown(fds[0], second));
		}
	}
	say("nonsense", shutdown(fds[0], 7));
}

/* The peer sends on before the close: was it reset for that? */
static void sends_on(char **args)
{
	int fds[2], error = 0;
	socklen_t len = sizeof(error);

	(void)args;
	shut_pair(fds, SHUT_RDWR);
	await_acknowledgement(fds[0]);
	if (write(fds[1], "x", 1) != 1)
		err(1, "write");
	usleep(20000);
	close(fds[0]);
	usleep(20000);
	getsockopt(fds[1], SOL_SOCKET, SO_ERROR, &error, &len);
	say("the peer was reset", error != 0);
}

/* Three closes that nothing proves to have reset anybody, one with output; and one that does reset. */
static void risks(char **args)
{
	static const char block[65536];
	int fds[2], i;

	(void)args;
	for (i = 0; i < 3; i++) {
		quick_pair(fds);
		while (i == 0 && send(fds[0], block, sizeof(block), MSG_NOSIGNAL) > 0)
			;
		shutdown(fds[0], SHUT_RDWR);
		usleep(20000);
		close(fds[0]);
	}
	reset_one();
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {
		{"one-side", one_side},
		{"polls", polls},
		{"epolls", epolls},
		{"receive-timeout", receive_timeout},
		{"writes", writes},
		{"questions", questions},
		{"twice", twice},
		{"reconnects", reconnects},
		{"sends-on", sends_on},
		{"risks", risks},
	};

	(void)argc;
	return attack(argv, table, sizeof(table) / sizeof(table[0]));
}
