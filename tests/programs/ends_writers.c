/* SPDX-License-Identifier: MIT */
/* Clients that are still written to when exit() has come to its last handlers. */
#include "ends.h"

#include <pthread.h>
#include <sys/wait.h>

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

static FILE *over_standard_output(int fd)
{
	dup2(fd, STDOUT_FILENO);
	close(fd);
	return stdout;
}

/* Opened for something else, and it is the socket that is under its number now. */
static FILE *over_a_file(int fd)
{
	FILE *stream = fopen("/dev/null", "w");

	if (!stream || dup2(fd, fileno(stream)) < 0)
		err(1, "fopen");
	close(fd);
	return stream;
}

static FILE *behind_a_cookie(int fd)
{
	behind = fd;
	return fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_behind});
}

/* A child's exit() writes more than the kernels hold; its parent closes the socket meanwhile. */
static void flush_in_child(const char *port, FILE *(*open)(int fd))
{
	static char buffer[LARGE + TAIL];
	int fd = ask(port), status;
	pid_t pid = fork();
	FILE *stream;

	if (pid == 0) {
		stream = open(fd);
		setvbuf(stream, buffer, _IOFBF, sizeof(buffer));
		fwrite(bytes, LARGE, 1, stream);
		exit(0);
	}
	usleep(150000);
	close(fd);
	if (waitpid(pid, &status, 0) != pid || status)
		errx(1, "the child's status is %x", status);
}

static void child_standard_output(char **args)
{
	flush_in_child(args[0], over_standard_output);
}

static void child_file(char **args)
{
	flush_in_child(args[0], over_a_file);
}

static void child_cookie(char **args)
{
	flush_in_child(args[0], behind_a_cookie);
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
	static const struct attack table[] = {{"standard-output", standard_output},
		{"cookie", cookie}, {"child-standard-output", child_standard_output},
		{"child-file", child_file}, {"child-cookie", child_cookie}, {"thread", thread}};

	return end_somehow(argc, argv, table, sizeof(table) / sizeof(table[0]));
}
