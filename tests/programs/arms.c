/* SPDX-License-Identifier: MIT */
/*
 * Connections that are closed by one process after another one has set SO_LINGER {1,0} on them, or on the
 * listener. The last line is what the peer got. usage: arms CASE
 */
#include "rights.h"

#include <spawn.h>
#include <sys/wait.h>

static const char *myself;

static void arm(int fd)
{
	struct linger zero = {1, 0};

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &zero, sizeof(zero)))
		err(1, "SO_LINGER");
}

static void answer_and_close(int fds[2])
{
	char answer[6];
	ssize_t n;

	if (write(fds[0], "answer", 6) != 6 || recv(fds[1], answer, 6, MSG_WAITALL) != 6)
		err(1, "answer");
	say("close", close(fds[0]));
	n = read(fds[1], answer, 1);
	say("the peer reads", n);
	close(fds[1]);
}

static void join(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		errx(1, "the child that arms it has failed");
}

static void by_a_child(char **args)
{
	int fds[2];
	pid_t child;

	(void)args;
	tcp_pair_with(fds, SOCK_CLOEXEC);
	child = fork();
	if (child == 0) {
		arm(fds[0]);
		_exit(0);
	}
	join(child);
	answer_and_close(fds);
}

/* The child is there before the connection, and gets it over a unix socket. */
static void by_one_who_was_sent_it(char **args)
{
	int over[2], fds[2];
	pid_t child;

	(void)args;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, over))
		err(1, "socketpair");
	child = fork();
	if (child == 0) {
		arm(receive_descriptor(over[0], false));
		_exit(0);
	}
	tcp_pair_with(fds, SOCK_CLOEXEC);
	send_descriptor(over[1], fds[0]);
	join(child);
	answer_and_close(fds);
}

static int listen_with(int flags, struct sockaddr_in *where)
{
	const char *address = getenv("VICTIM_ADDRESS");
	int listener = socket(AF_INET, SOCK_STREAM | flags, 0), one = 1;
	socklen_t len = sizeof(*where);

	*where = (struct sockaddr_in){.sin_family = AF_INET};
	inet_pton(AF_INET, address ? address : "127.0.0.1", &where->sin_addr);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (listener < 0 || bind(listener, (struct sockaddr *)where, len) || listen(listener, 1) ||
		getsockname(listener, (struct sockaddr *)where, &len))
		err(1, "listen");
	return listener;
}

static void serve(int listener, const struct sockaddr_in *where)
{
	int fds[2];

	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fds[1], (const struct sockaddr *)where, sizeof(*where)))
		err(1, "connect");
	fds[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fds[0] < 0)
		err(1, "accept");
	answer_and_close(fds);
}

static void listener_by_a_child(char **args)
{
	struct sockaddr_in where;
	int listener = listen_with(SOCK_CLOEXEC, &where);
	pid_t child = fork();

	(void)args;
	if (child == 0) {
		arm(listener);
		_exit(0);
	}
	join(child);
	serve(listener, &where);
}

/* Inherited by a program that is executed, which has no shim: what it does is not seen. */
static void listener_by_a_program(char **args)
{
	struct sockaddr_in where;
	int listener = listen_with(0, &where);
	char number[12], *argv[] = {(char[]){"arms"}, (char[]){"arm"}, number, NULL};
	char *bare[] = {NULL};
	pid_t child;

	(void)args;
	snprintf(number, sizeof(number), "%d", listener);
	if (posix_spawn(&child, myself, NULL, NULL, argv, bare))
		errx(1, "posix_spawn");
	join(child);
	serve(listener, &where);
}

static void arm_inherited(char **args)
{
	arm(atoi(args[0]));
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {{"child", by_a_child},
		{"sent", by_one_who_was_sent_it}, {"listener", listener_by_a_child},
		{"executed", listener_by_a_program}, {"arm", arm_inherited}};

	(void)argc;
	myself = argv[0];
	return attack(argv, table, sizeof(table) / sizeof(*table));
}
