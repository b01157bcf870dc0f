/* SPDX-License-Identifier: MIT */
#ifndef FAULTED_PROCESSES_H
#define FAULTED_PROCESSES_H

/* Programs of faulted.c that make others, or end. */

#include "faulted_steps.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static inline void await_child(pid_t child)
{
	int status = 0;

	STEP(waitpid(child, &status, 0) == child);
	tell("status", status, 0);
}

static inline void fork_server(void)
{
	int fd = answered(3000);
	pid_t child = fork();

	if (child == 0) {
		if (write(fd, "child", 5) != 5 || close(fd))
			_exit(1);
		_exit(7);
	}
	STEP(close(fd));
	await_child(child);
	ask(READ, 0, 0);
}

static inline void fork_spared(void)
{
	int fd = answered(3000);
	pid_t child = fork();

	if (child == 0)
		_exit(close(fd));
	await_child(child);
	STEP(write(fd, "alive", 5));
	STEP(close(fd));
	ask(READ, 0, 0);
}

static inline void vfork_close(void)
{
	int fd = answered(3000);
	pid_t child = vfork();

	if (child == 0) {
		close(fd);
		_exit(3);
	}
	await_child(child);
	STEP(write(fd, "alive", 5));
	STEP(close(fd));
	ask(READ, 0, 0);
}

static inline void spawns(void)
{
	char *argv[] = {"true", NULL};
	int fd = answered(3000), other = answered(3000), status = -1;
	pid_t child;
	FILE *stream;

	STEP(fcntl(fd, F_SETFD, FD_CLOEXEC));
	STEP(posix_spawn(&child, "/bin/true", NULL, NULL, argv, environ));
	await_child(child);
	STEP(system("exit 3"));
	stream = popen("exit 4", "r");
	STEP(status = pclose(stream));
	STEP(close(fd));
	STEP(close(other));
	ask(READ, 0, 0);
}

static inline void returns(void)
{
	answered(3000);
	ask(READ_SOON, 0, 0);
}

static inline void exits_at_once(void)
{
	answered(3000);
	ask(READ_SOON, 0, 0);
	fflush(stdout);
	_exit(0);
}

static inline void executes_a_script(void)
{
	int fd = answered(3000);

	fcntl(fd, F_SETFD, FD_CLOEXEC);
	ask(READ_SOON, 0, 0);
	fflush(stdout);
	execl("/usr/bin/ldd", "ldd", "--version", NULL);
	STEP(-1);
}

static inline void executes(void)
{
	int fd = answered(3000);

	fcntl(fd, F_SETFD, FD_CLOEXEC);
	ask(READ_SOON, 0, 0);
	fflush(stdout);
	execl("/bin/echo", "echo", "executed", NULL);
	STEP(-1);
}

#endif
