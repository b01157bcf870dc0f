/* SPDX-License-Identifier: MIT */
/*
 * Streams whose output cannot be sent any more, more callsites than fit a table, what a
 * program finds in errno at its start, an exec that fails while a socket lingers, no descriptors
 * left beside a child, and no processes.
 * usage: attack_limits CASE [COUNT | HOW]
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "victim.h"

static int errno_at_start;

static void abort_on_close(int fd)
{
	struct linger linger = {.l_onoff = 1};

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)))
		err(1, "SO_LINGER");
}

/* --- streams --- */

static void stream_to_a_reset_peer(char **args)
{
	static char buffer[65536];
	struct pollfd wait = {.events = POLLIN};
	FILE *stream;
	int fds[2];

	(void)args;
	tcp_pair(fds);
	stream = fdopen(fds[0], "w");
	setvbuf(stream, buffer, _IOFBF, sizeof(buffer));
	fwrite("abc", 1, 3, stream);
	abort_on_close(fds[1]);
	close(fds[1]);
	wait.fd = fds[0];
	poll(&wait, 1, 5000);
	say("fclose", fclose(stream));
}

static void stream_that_is_full(char **args)
{
	static char block[65536];
	FILE *stream;
	int fds[2];

	(void)args;
	unread_pair(fds);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	while (send(fds[0], block, sizeof(block), MSG_NOSIGNAL) > 0)
		;
	stream = fdopen(fds[0], "w");
	fwrite(block, 1, 3000, stream);
	say("fclose", fclose(stream));
}

/* --- callsites --- */

static void left(int fd, int way, int depth);
static void right(int fd, int way, int depth);

/* Each way through left() and right() is another stack. What follows a call prevents tail calls. */
static void descend(int fd, int way, int depth)
{
	if (depth == 0)
		close(fd);
	else if (way & 1)
		left(fd, way >> 1, depth - 1);
	else
		right(fd, way >> 1, depth - 1);
	__asm__ volatile("");
}

__attribute__((noinline)) static void left(int fd, int way, int depth)
{
	descend(fd, way, depth);
	__asm__ volatile("");
}

__attribute__((noinline)) static void right(int fd, int way, int depth)
{
	descend(fd, way, depth);
	__asm__ volatile("");
}

static void many_callsites(char **args)
{
	int count = atoi(args[0]), fds[2];

	for (int i = 0; i < count; i++) {
		tcp_pair(fds);
		abort_on_close(fds[1]);
		descend(fds[1], i, 12);
		close(fds[0]);
	}
	say("closed", count);
}

static void tell_errno(char **args)
{
	(void)args;
	say("errno", errno_at_start);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void wait_for_ever(void)
{
	for (;;)
		pause();
}

static double close_unread(void)
{
	int fds[2];
	double start;

	unread_pair(fds);
	start = seconds();
	close(fds[0]);
	start = seconds() - start;
	close(fds[1]);
	return start;
}

/* A child that has not come out of fork() has a copy of all that the shim had when descriptors ran out. */
static void out_of_descriptors_beside_a_child(char **args)
{
	struct rlimit old, few;
	pid_t child;
	double took;

	(void)args;
	close_unread();
	pthread_atfork(NULL, NULL, wait_for_ever);
	child = fork();
	getrlimit(RLIMIT_NOFILE, &old);
	few = (struct rlimit){3, old.rlim_max};
	setrlimit(RLIMIT_NOFILE, &few);
	say("dup", dup(0));
	setrlimit(RLIMIT_NOFILE, &old);
	took = close_unread();
	took += close_unread();
	kill(child, SIGKILL);
	printf("closed %s\n", took < 0.15 ? "at once" : "late");
}

/* The peer does not read: what lingers cannot be acknowledged, and an exec that fails ends nothing. */
static void exec_that_fails(char **args)
{
	static char output[1 << 16];
	int fds[2];
	double start;

	(void)args;
	unread_pair(fds);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	while (write(fds[0], output, sizeof(output)) > 0)
		;
	close(fds[0]);
	start = seconds();
	say("exec", execl("/nonexistent/program", "program", (char *)NULL));
	printf("%s\n", seconds() - start < 0.5 ? "at once" : "late");
}

/* Neither processes nor threads from here on. HOW: the system call. */
static void forbid_forks(char **args)
{
	struct rlimit none = {0, 0};

	if (!strcmp(args[0], "setrlimit"))
		say("setrlimit", (int)syscall(SYS_setrlimit, RLIMIT_NPROC, &none));
	else
		say("prlimit", (int)syscall(SYS_prlimit64, 0, RLIMIT_NPROC, &none, NULL));
	say("setuid", setuid(65534));
	printf("closed %s\n", close_unread() < 0.25 ? "at once" : "late");
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {{"reset-peer", stream_to_a_reset_peer},
		{"full", stream_that_is_full}, {"callsites", many_callsites}, {"errno", tell_errno},
		{"exec-fails", exec_that_fails}, {"child", out_of_descriptors_beside_a_child},
		{"forks", forbid_forks}};

	errno_at_start = errno;
	(void)argc;
	return attack(argv, table, sizeof(table) / sizeof(*table));
}
