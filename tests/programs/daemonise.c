/* SPDX-License-Identifier: MIT */
/*
 * A daemon: says "started", goes into the background, resets a connection there and lives on.
 *
 * usage: daemonise WAY SECONDS     WAY is how it gets there: by daemon(3), or by two forks and
 *                                  "null" (standard streams on /dev/null) or "closed" (all closed)
 */
#include <fcntl.h>
#include <stdio.h>

#include "victim.h"

static void fork_and_leave(void)
{
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid > 0)
		_exit(0);
}

static void by_hand(bool null)
{
	int fd;

	fork_and_leave();
	setsid();
	fork_and_leave();
	if (chdir("/"))
		err(1, "chdir");
	if (!null) {
		for (fd = 0; fd < 3; fd++)
			close(fd);
		return;
	}
	fd = open("/dev/null", O_RDWR);
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	printf("started\n");
	fflush(stdout);
	if (strcmp(argv[1], "daemon")) {
		by_hand(!strcmp(argv[1], "null"));
	} else if (daemon(0, 0)) {
		err(1, "daemon");
	}
	reset_one();
	sleep((unsigned)atoi(argv[2]));
	return 0;
}
