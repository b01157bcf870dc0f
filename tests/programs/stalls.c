/* SPDX-License-Identifier: MIT */
/*
 * A server whose answer fills what the kernels hold, and that reads two bytes of what its client sends.
 * usage: stalls shuts|exits PORT
 */
#include "ends.h"

#include <pthread.h>

static int accept_one(char **args)
{
	struct sockaddr_in a = address_of(args[0]);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) || listen(listener, 1))
		err(1, "listen");
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0 || read(fd, bytes, 2) != 2)
		err(1, "no request");
	return fd;
}

static void *answer_and_shut(void *fd)
{
	fill(*(int *)fd);
	shutdown(*(int *)fd, SHUT_RDWR);
	close(*(int *)fd);
	return NULL;
}

/* Other threads may stand in a wait, so that the reading side is shut at once. */
static void shuts(char **args)
{
	int fd = accept_one(args);
	pthread_t thread;

	if (pthread_create(&thread, NULL, answer_and_shut, &fd))
		errx(1, "no thread");
	pthread_join(thread, NULL);
	sleep(10); /* until the test ends it */
}

static void *wait_for_ever(void *unused)
{
	pause();
	return unused;
}

/* With something unread. */
static void exits(char **args)
{
	int fd = accept_one(args);

	fill(fd);
	about_to_end();
	exit(0);
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {
		{"shuts", shuts},
		{"exits", exits},
	};
	pthread_t thread;

	if (argc > 1 && !strcmp(argv[1], "shuts") &&
		pthread_create(&thread, NULL, wait_for_ever, NULL))
		errx(1, "no thread");
	return end_somehow(argc, argv, table, sizeof(table) / sizeof(table[0]));
}
