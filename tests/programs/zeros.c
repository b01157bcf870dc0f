/* SPDX-License-Identifier: MIT */
/*
 * A read returns 0, or fails, and that says nothing of the socket that has the number by now, or not that
 * the peer has sent its FIN, or not that nothing is left to be read.
 * usage: zeros CASE
 */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victim.h"

#ifndef SO_PEEK_OFF
#define SO_PEEK_OFF 42
#endif

static char buf[64];
static int fds[2];

static int state_of(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	return info.tcpi_state;
}

static void abort_at_close(int fd)
{
	struct linger abort = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
}

static int listens(struct sockaddr_in *where)
{
	const char *address = getenv("VICTIM_ADDRESS");
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(*where);

	*where = (struct sockaddr_in){.sin_family = AF_INET};
	inet_pton(AF_INET, address ? address : "127.0.0.1", &where->sin_addr);
	if (bind(listener, (struct sockaddr *)where, len) || listen(listener, 1) ||
		getsockname(listener, (struct sockaddr *)where, &len))
		err(1, "listen");
	return listener;
}

static void connects(int fd, const struct sockaddr_in *where)
{
	if (connect(fd, (const struct sockaddr *)where, sizeof(*where)))
		err(1, "connect");
}

static int disconnects(int fd)
{
	return connect(fd, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr));
}

/* --- the number of a socket that is being read becomes that of another one --- */

static pid_t reader;

static void *reads(void *result)
{
	__atomic_store_n(&reader, (pid_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	*(ssize_t *)result = recv(fds[0], buf, sizeof(buf), 0);
	return (void *)(long)errno;
}

static bool stands_in_recv(void)
{
	char path[64], line[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall",
		(int)__atomic_load_n(&reader, __ATOMIC_SEQ_CST));
	file = fopen(path, "r");
	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = 0;
	fclose(file);
	return line[0] != 'r' && atoi(line) == SYS_recvfrom; /* "running" */
}

/* fds[0] is closed, and accepted anew, while a thread reads the old one, which then ends so. */
static int reused(bool by_reset)
{
	struct sockaddr_in where;
	int listener, client, was, i;
	ssize_t result;
	pthread_t id;
	void *error;

	tcp_pair(fds);
	listener = listens(&where);
	client = socket(AF_INET, SOCK_STREAM, 0);
	connects(client, &where);
	pthread_create(&id, NULL, reads, &result);
	for (i = 0; i < 2000 && !stands_in_recv(); i++)
		usleep(1000);
	was = fds[0];
	close(fds[0]);
	fds[0] = accept(listener, NULL, NULL);
	say("the same number", was == fds[0]);
	if (by_reset)
		abort_at_close(fds[1]);
	close(fds[1]);
	pthread_join(id, &error);
	errno = (int)(long)error;
	say("recv", result);
	fds[1] = client;
	return listener;
}

static void number(char **args)
{
	(void)args;
	reused(false);
	leave_unread(fds);
	close(fds[0]);
}

static void failure(char **args)
{
	(void)args;
	reused(true);
	shutdown(fds[1], SHUT_WR);
	say("read", read(fds[0], buf, sizeof(buf)));
	close(fds[0]);
}

/* Two threads, two tables, the same number in both; one reads an end. */
static void *other_table(void *nothing)
{
	int pair[2];

	unshare(CLONE_FILES);
	tcp_pair(pair);
	dup2(pair[0], fds[0]);
	close(pair[1]);
	if (recv(fds[0], buf, sizeof(buf), 0) != 0)
		errx(1, "no end");
	return nothing;
}

static void tables(char **args)
{
	pthread_t id;

	(void)args;
	tcp_pair(fds);
	pthread_create(&id, NULL, other_table, NULL);
	pthread_join(id, NULL);
	leave_unread(fds);
	close(fds[0]);
}

/* --- 0 for another reason --- */

static void shut_by_a_child(void)
{
	pid_t child;

	tcp_pair(fds);
	child = fork();
	if (child == 0) {
		shutdown(fds[0], SHUT_RD);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	say("read", read(fds[0], buf, sizeof(buf)));
}

static void child(char **args)
{
	(void)args;
	shut_by_a_child();
	leave_unread(fds);
	close(fds[0]);
}

static void duplicate(char **args)
{
	int copy;

	(void)args;
	tcp_pair(fds);
	copy = dup(fds[0]);
	shutdown(copy, SHUT_RD);
	say("read", read(fds[0], buf, sizeof(buf)));
	leave_unread(fds);
	close(copy);
	close(fds[0]);
}

static void peeked(char **args)
{
	int at = 0;

	(void)args;
	tcp_pair(fds);
	setsockopt(fds[0], SOL_SOCKET, SO_PEEK_OFF, &at, sizeof(at));
	leave_unread(fds);
	shutdown(fds[1], SHUT_WR);
	say("peek", recv(fds[0], buf, sizeof(buf), MSG_PEEK));
	say("peek", recv(fds[0], buf, sizeof(buf), MSG_PEEK));
	close(fds[0]);
}

/* The end was that of an earlier connection. */
static void anew(char **args)
{
	struct sockaddr_in where;
	int copy, listener;

	(void)args;
	tcp_pair(fds);
	copy = dup(fds[1]);
	close(fds[0]);
	say("read", read(fds[1], buf, sizeof(buf)));
	shutdown(fds[1], SHUT_WR);
	while (state_of(fds[1]) != TCP_CLOSE)
		usleep(200);
	listener = listens(&where);
	disconnects(copy);
	connects(copy, &where);
	fds[0] = fds[1];
	fds[1] = accept(listener, NULL, NULL);
	leave_unread(fds);
	close(copy);
	close(fds[0]);
}

/* What it wrote came after no end: it is the peer that resets. */
static void writes(char **args)
{
	(void)args;
	signal(SIGPIPE, SIG_IGN);
	shut_by_a_child();
	say("write", write(fds[0], "x", 1));
	abort_at_close(fds[1]);
	close(fds[1]);
	say("read", read(fds[0], buf, sizeof(buf)));
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {
		{"number", number},
		{"failure", failure},
		{"tables", tables},
		{"child", child},
		{"duplicate", duplicate},
		{"peeked", peeked},
		{"anew", anew},
		{"writes", writes},
	};

	(void)argc;
	return attack(argv, table, sizeof(table) / sizeof(table[0]));
}
