/* SPDX-License-Identifier: MIT */
/* Connections that are passed over a unix socket, or inherited by what is executed meanwhile (given.h). */
#include "given.h"
#include "rights.h"

#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/epoll.h>

#define MORE	1000 /* what an acceptor that has kept its copy adds */
#define THREADS 8

extern char **environ;

/* --- programs executed beside a connection, which inherit it --- */

static void execute_program(const char *seconds)
{
	char *argv[] = {"sleep", (char *)seconds, NULL}, command[100];
	bool stays = strcmp(seconds, "0") != 0;
	pid_t pid = 0;

	snprintf(command, sizeof(command), "sleep %s %s", seconds, stays ? ">/dev/null &" : "");
	if (!strncmp(end, "system", 6)) {
		if (system(command))
			err(1, "system");
	} else if (!strncmp(end, "popen", 5)) {
		pclose(popen(command, "r"));
	} else if (!strncmp(end, "vfork", 5)) {
		pid = vfork();
		if (pid == 0) {
			execv("/bin/sleep", argv);
			_exit(127);
		}
	} else if (posix_spawn(&pid, "/bin/sleep", NULL, NULL, argv, environ)) {
		errx(1, "posix_spawn");
	}
	if (pid && !stays)
		waitpid(pid, NULL, 0);
}

/* END: the door, with `-stays` where the program outlives the connection here. */
static void execute_each(void)
{
	const char *seconds = strstr(end, "-stays") ? "0.03" : "0";
	int listener = listen_here();

	for (unsigned i = 0; i < count; i++) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			err(1, "accept");
		execute_program(seconds);
		answer(fd, fd);
		close(fd);
		reap(WNOHANG);
	}
	reap(0);
}

/* --- over a unix socket --- */

static void tell(int over)
{
	if (write(over, "x", 1) != 1)
		err(1, "a word");
}

static void await(int over)
{
	char byte;

	if (read(over, &byte, 1) != 1)
		errx(1, "no word");
}

/* What it closes its epoll does not tell of any more. */
static void end_with_epoll(int fd)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev);
	if (epoll_wait(epoll, &ev, 1, 1000) != 1)
		errx(1, "the request is not told");
	answer(fd, fd);
	close(fd);
	if (epoll_wait(epoll, &ev, 1, 0) != 0)
		errx(1, "what was closed is told");
	close(epoll);
}

/* A registration is one of the open file, which lives on under the other number. */
static void end_with_epoll_and_duplicate(int fd)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int epoll = epoll_create1(EPOLL_CLOEXEC), other = dup(fd);

	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev);
	answer(fd, fd);
	close(fd);
	if (epoll_wait(epoll, &ev, 1, 0) != 1)
		errx(1, "what is still open is not told any more");
	close(other);
	close(epoll);
}

static void *take_all(void *over)
{
	int fd;

	while ((fd = receive_descriptor(*(int *)over, false)) >= 0) {
		answer(fd, fd);
		close(fd);
	}
	return NULL;
}

static void worker_of_threads(int over)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, take_all, &over);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	exit(0);
}

static void worker(int over)
{
	int fd, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	while ((fd = receive_descriptor(over, false)) >= 0) {
		if (!strncmp(end, "epoll", 5))
			await(over);
		if (!strcmp(end, "epoll")) {
			end_with_epoll(fd);
			continue;
		}
		if (!strcmp(end, "epoll-dup")) {
			end_with_epoll_and_duplicate(fd);
			continue;
		}
		answer(fd, fd);
		if (!strcmp(end, "exit"))
			exit(0);
		if (!strcmp(end, "dup2"))
			dup2(null, fd);
		close(fd);
		if (!strcmp(end, "keep"))
			tell(over);
	}
	exit(0);
}

/* Everything that the worker has left is there, and can still be read and answered. */
static void go_on(int over, int fd, int after_ms)
{
	static char buf[MORE];

	await(over);
	nap(after_ms);
	if (recv(fd, buf, REQUEST - 1, MSG_WAITALL) != REQUEST - 1 || write(fd, buf, MORE) != MORE)
		err(1, "what was kept");
}

static void pass(void)
{
	int listener = listen_here(), over[2] = {-1, -1};
	bool each = !strcmp(end, "exit"), keeps = !strcmp(end, "keep");

	for (unsigned i = 0; i < count; i++) {
		int fd;

		if (i == 0 || each) {
			close(over[1]);
			if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, over))
				err(1, "socketpair");
			if (fork() == 0) {
				close(over[1]);
				if (!strcmp(end, "threads"))
					worker_of_threads(over[0]);
				worker(over[0]);
			}
			close(over[0]);
		}
		fd = accept_one(listener);
		send_descriptor(over[1], fd);
		if (keeps)
			go_on(over[1], fd, i % 4 ? 0 : 50);
		close(fd);
		if (!strncmp(end, "epoll", 5)) /* the worker has the last one then */
			tell(over[1]);
	}
	close(over[1]);
	reap(0);
}

int main(int argc, char **argv)
{
	static const struct part parts[] = {{"pass", pass}, {"execute", execute_each}};

	return play(argc, argv, parts, sizeof(parts) / sizeof(*parts));
}
