/* SPDX-License-Identifier: MIT */
/* Clients that are still written to when exit() has come to its last handlers. */
#include "ends.h"

#include <pthread.h>

/* Buffered, and flushed by exit() after all handlers. */
static void standard_output(char **args)
{
	int fd = ask(args[0]);

	dup2(fd, STDOUT_FILENO);
	close(fd);
	fwrite(bytes, TAIL, 1, stdout);
	exit(0);
}

static int behind;

static ssize_t write_behind(void *cookie, const char *from, size_t len)
{
	(void)cookie;
	return write(behind, from, len);
}

/* A stream that does not say which descriptor it writes to. */
static void cookie(char **args)
{
	FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_behind});

	behind = ask(args[0]);
	if (!stream || fwrite(bytes, TAIL, 1, stream) != 1)
		err(1, "fopencookie");
	exit(0);
}

static void *write_on(void *fd)
{
	while (send(*(int *)fd, bytes, 1, MSG_DONTWAIT) == 1 || errno == EAGAIN)
		usleep(1000);
	_exit(3);
}

/* Its peer is busy, so that the exit waits; the thread must not see any of it. */
static void thread(char **args)
{
	pthread_t id;

	behind = ask(args[0]);
	put(behind, TAIL);
	if (pthread_create(&id, NULL, write_on, &behind))
		errx(1, "pthread_create");
	usleep(10000);
	exit(0);
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {
		{"standard-output", standard_output}, {"cookie", cookie}, {"thread", thread}};

	return end_somehow(argc, argv, table, sizeof(table) / sizeof(table[0]));
}
