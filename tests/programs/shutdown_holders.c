/* SPDX-License-Identifier: MIT */
/*
 * Who else can see that a program has shut both sides of a connection: what a signal handler has
 * interrupted, stdio, its children, whoever holds the socket too. As shutdowns.c.
 * usage: shutdown_holders CASE
 */
#include "shutdowns.h"

#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;

/* --- handlers, stdio --- */

static int to_shut;

static void shut_it(int number)
{
	(void)number;
	shutdown(to_shut, SHUT_RDWR);
}

/* The handler interrupts a read, which goes on in the kernel, or a poll, which does not. */
static void handlers(char **args)
{
	struct sigaction action = {.sa_handler = shut_it, .sa_flags = SA_RESTART};
	int64_t start;
	int fds[2];

	(void)args;
	sigaction(SIGALRM, &action, NULL);
	tcp_pair(fds);
	to_shut = fds[0];
	ualarm(50000, 0);
	start = now_ms();
	say("read", read(fds[0], buf, sizeof(buf)));
	say("in time", now_ms() - start < LATEST_MS);
	tcp_pair(fds);
	to_shut = fds[0];
	ualarm(50000, 0);
	say("poll", poll(&(struct pollfd){.fd = fds[0], .events = POLLIN}, 1, 5000));
	say("poll", polled(fds[0], false));
	action.sa_flags = 0;
	sigaction(SIGALRM, &action, NULL);
	tcp_pair(fds);
	to_shut = fds[0];
	ualarm(50000, 0);
	say("read", read(fds[0], buf, sizeof(buf)));
	say("read", read(fds[0], buf, sizeof(buf)));
	raise(SIGALRM);
	say("shutdown in a handler, again", shutdown(fds[0], SHUT_RDWR));
}

static void streams(char **args)
{
	int64_t start;
	FILE *stream;
	int fds[2];

	(void)args;
	unread_pair(fds);
	stream = fdopen(fds[0], "r");
	shutdown(fds[0], SHUT_RDWR);
	start = now_ms();
	say("fgets", fgets(buf, sizeof(buf), stream) ? (long)strlen(buf) : 0);
	say("fgets", fgets(buf, sizeof(buf), stream) ? (long)strlen(buf) : 0);
	say("in time", now_ms() - start < LATEST_MS);
	say("end of file", feof(stream) != 0);
}

/* --- other holders --- */

static void await_child(pid_t pid, const char *how)
{
	int status = 0;

	waitpid(pid, &status, 0);
	say(how, status);
}

/* Both sides are shut of what is descriptor 0 now. */
static void shut_input(void)
{
	int fds[2];

	quick_pair(fds);
	if (fds[0] == STDIN_FILENO || fds[1] == STDIN_FILENO || dup2(fds[0], STDIN_FILENO) < 0)
		errx(1, "descriptor 0 was free");
	close(fds[0]);
	if (shutdown(STDIN_FILENO, SHUT_RDWR))
		err(1, "shutdown");
}

static void forked_children(void)
{
	pid_t (*const ways[])(void) = {fork, _Fork};
	int fds[2], status = 0;
	pid_t pid;

	for (int i = 0; i < 3; i++) {
		shut_pair(fds, SHUT_RDWR);
		pid = i < 2 ? ways[i]() : (pid_t)syscall(SYS_fork);
		if (pid == 0)
			_exit(syscall(SYS_read, fds[0], buf, sizeof(buf)) == 0 ? 0 : 1);
		waitpid(pid, &status, 0);
		say("a forked child reads", status);
		close(fds[0]);
		close(fds[1]);
	}
}

static void children(char **args)
{
	char *cat[] = {"cat", NULL}, input[32];
	char *shell[] = {"sh", "-c", input, NULL};
	int fds[2];
	pid_t pid;

	(void)args;
	forked_children();
	shut_pair(fds, SHUT_RDWR);
	snprintf(input, sizeof(input), "exec cat <&%d", fds[0]);
	pid = vfork();
	if (pid == 0) {
		execvp("sh", shell);
		_exit(1);
	}
	await_child(pid, "a program executed after vfork reads");
	close(fds[0]);
	shut_pair(fds, SHUT_RDWR);
	snprintf(input, sizeof(input), "exec cat <&%d", fds[0]);
	posix_spawnp(&pid, "sh", NULL, NULL, shell, environ);
	await_child(pid, "a spawned program reads");
	close(fds[0]);
	shut_pair(fds, SHUT_RDWR);
	snprintf(input, sizeof(input), "exec cat <&%d", fds[0]);
	say("system", system(input));
	shut_input();
	posix_spawnp(&pid, "cat", NULL, NULL, cat, environ);
	await_child(pid, "a program spawned with a duplicate reads");
}

static void executes(char **args)
{
	char input[32];
	int fds[2];

	(void)args;
	shut_pair(fds, SHUT_RDWR);
	snprintf(input, sizeof(input), "exec cat <&%d", fds[0]);
	execlp("sh", "sh", "-c", input, NULL);
}

static void duplicates(char **args)
{
	int fds[2], other;

	(void)args;
	shut_pair(fds, SHUT_RDWR);
	other = dup(fds[0]);
	say("the duplicate reads", read(other, buf, sizeof(buf)));
	say("close", close(fds[0]));
	say("the peer reads", read(fds[1], buf, sizeof(buf)));
	say("close", close(other));
	quick_pair(fds);
	other = dup(fds[0]);
	shutdown(other, SHUT_RDWR);
	say("the original reads", read(fds[0], buf, sizeof(buf)));
}

union rights {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

/* Reads what it is sent as soon as it has it. */
static void receive(int from)
{
	union rights control;
	struct iovec iov = {buf, 1};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	int fd;

	if (recvmsg(from, &msg, 0) != 1)
		_exit(1);
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	_exit(read(fd, buf, sizeof(buf)) == 0 ? 0 : 2);
}

static void travels(char **args)
{
	union rights control;
	struct iovec iov = {buf, 1};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	int fds[2], ends[2], status, way;
	pid_t pid;

	(void)args;
	control.head = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	for (way = 0; way < 3; way++) {
		struct mmsghdr many = {.msg_hdr = msg};

		socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
		pid = fork();
		if (pid == 0)
			receive(ends[1]);
		shut_pair(fds, SHUT_RDWR);
		memcpy(CMSG_DATA(&control.head), &fds[0], sizeof(int));
		if (way == 0)
			say("sendmsg", sendmsg(ends[0], &msg, 0));
		else if (way == 1)
			say("sendmmsg", sendmmsg(ends[0], &many, 1, 0));
		else
			say("sendmsg by syscall", syscall(SYS_sendmsg, ends[0], &msg, 0));
		waitpid(pid, &status, 0);
		say("the receiver ends with", status);
	}
}

/* --- an epoll that another process waits in --- */

/* Waits for the end of what is registered there, and ends with 0 if it came. */
static void wait_in(int ep)
{
	struct epoll_event event = {.events = 0};

	_exit(epoll_wait(ep, &event, 1, 3000) == 1 && (event.events & EPOLLRDHUP) ? 0 : 1);
}

static void shut_registered(int ep, pid_t waiter, int ready)
{
	struct epoll_event event = {.events = EPOLLRDHUP};
	int64_t start;
	int fds[2];
	char byte;

	if (read(ready, &byte, 1) != 1)
		err(1, "read");
	quick_pair(fds);
	epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &event);
	start = now_ms();
	shutdown(fds[0], SHUT_RDWR);
	await_child(waiter, "who waits in the epoll ends with");
	say("at once", now_ms() - start < AT_ONCE_MS);
}

static void epoll_of_a_parent(char **args)
{
	int ep = epoll_create1(EPOLL_CLOEXEC), ready[2];
	pid_t pid;

	(void)args;
	if (pipe(ready))
		err(1, "pipe");
	pid = fork();
	if (pid == 0) {
		if (write(ready[1], "x", 1) == 1)
			wait_in(ep);
		_exit(2);
	}
	shut_registered(ep, pid, ready[0]);
}

/* The program begins anew, with the epoll that its child waits in. */
static void epoll_of_an_earlier_program(char **args)
{
	char number[12], pid_text[12], ready_text[12];
	int ep, ready[2];
	pid_t pid;

	if (args[0]) {
		shut_registered(atoi(args[0]), (pid_t)atoi(args[1]), atoi(args[2]));
		return;
	}
	ep = epoll_create1(0);
	if (pipe(ready))
		err(1, "pipe");
	pid = fork();
	if (pid == 0) {
		if (write(ready[1], "x", 1) == 1)
			wait_in(ep);
		_exit(2);
	}
	snprintf(number, sizeof(number), "%d", ep);
	snprintf(pid_text, sizeof(pid_text), "%d", pid);
	snprintf(ready_text, sizeof(ready_text), "%d", ready[0]);
	execl("/proc/self/exe", "shutdown_holders", "epoll-execute", number, pid_text, ready_text,
		NULL);
	err(1, "execl");
}

/* Nobody else has it: not what was forked before, nor what is spawned. */
static void epoll_of_its_own(char **args)
{
	struct epoll_event event = {.events = EPOLLRDHUP};
	int ep, fds[2], error = 0;
	socklen_t len = sizeof(error);
	pid_t pid = fork();

	(void)args;
	if (pid == 0)
		_exit(0);
	await_child(pid, "a child");
	ep = epoll_create1(EPOLL_CLOEXEC);
	say("system", system(":"));
	tcp_pair_with(fds, SOCK_CLOEXEC);
	epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &event);
	shutdown(fds[0], SHUT_RDWR);
	if (write(fds[1], "x", 1) != 1)
		err(1, "write");
	close(fds[0]);
	usleep(20000);
	getsockopt(fds[1], SOL_SOCKET, SO_ERROR, &error, &len);
	say("the peer was reset", error != 0);
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {
		{"handlers", handlers},
		{"streams", streams},
		{"children", children},
		{"executes", executes},
		{"duplicates", duplicates},
		{"travels", travels},
		{"epoll-child", epoll_of_a_parent},
		{"epoll-execute", epoll_of_an_earlier_program},
		{"epoll-own", epoll_of_its_own},
	};

	(void)argc;
	return attack(argv, table, sizeof(table) / sizeof(table[0]));
}
