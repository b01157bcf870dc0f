/* SPDX-License-Identifier: MIT */
/* Clients that end by themselves, with streams, threads and handlers. */
#include "ends.h"

#include <pthread.h>
#include <signal.h>

static int kept = -1;

static void large(char **args)
{
	put(ask(args[0]), LARGE);
	about_to_end();
	exit(0);
}

static void undelivered(char **args)
{
	fill(ask(args[0]));
	about_to_end();
	exit(0);
}

/* Answers an upload of which it has read little. */
static void serve(char **args)
{
	struct sockaddr_in a = address_of(args[0]);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) || listen(listener, 1))
		err(1, "listen");
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	for (long left = LARGE; left > 0;) {
		ssize_t n = read(fd, bytes, TAIL);

		if (n <= 0)
			err(1, "read");
		left -= n;
	}
	fill(fd);
	about_to_end();
	exit(0);
}

static void several(char **args)
{
	for (; *args && strcmp(*args, "filtered"); args++)
		fill(ask(*args));
	exit(0);
}

static void killed(char **args)
{
	put(ask(args[0]), LARGE);
	raise(SIGKILL);
}

static void aborted(char **args)
{
	put(ask(args[0]), LARGE);
	abort();
}

/* --- streams --- */

static FILE *stream_of(int fd, const char *mode)
{
	FILE *stream = fdopen(fd, mode);

	if (!stream)
		err(1, "fdopen");
	return stream;
}

/* All but the tail is written at once; that waits for exit(). */
static void put_stream(FILE *stream)
{
	if (fwrite(bytes, sizeof(bytes), 1, stream) != 1)
		err(1, "fwrite");
}

static void stream(char **args)
{
	put_stream(stream_of(ask(args[0]), "w"));
	exit(0);
}

static void stream_failed(char **args)
{
	put_stream(stream_of(ask(args[0]), "w"));
	exit(3);
}

static void two_streams(char **args)
{
	int fd = ask(args[0]);

	stream_of(fd, "r");
	put_stream(stream_of(fd, "w"));
	exit(0);
}

static void three_streams(char **args)
{
	int fd = ask(args[0]);

	stream_of(fd, "r");
	stream_of(fd, "r");
	put_stream(stream_of(fd, "w"));
	exit(0);
}

/* The stream is freed, and its memory is another's; the number is another socket's. */
static void stream_closed(char **args)
{
	int fd = ask(args[0]), other;
	FILE *closed = stream_of(fd, "w");
	char byte;

	if (read(fd, &byte, 1) != 1 || fputs("!", closed) < 0 || fclose(closed))
		err(1, "fclose");
	memset(malloc(552), 0x41, 552);
	other = ask(args[1]);
	if (other != fd)
		errx(1, "%d is not %d", other, fd);
	put(other, LARGE);
	exit(0);
}

/* --- threads --- */

static void *get_lines(void *arg)
{
	char line[100];

	while (fgets(line, sizeof(line), arg))
		;
	return NULL;
}

static void *read_for_ever(void *arg)
{
	char byte;

	while (read(*(int *)arg, &byte, 1) == 1)
		;
	return NULL;
}

static void start_thread(void *(*body)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, body, arg))
		errx(1, "no thread");
	usleep(50000); /* it has read the answer, and waits for more */
}

/* It sits in a read with the stream's lock. */
static void in_fgets(char **args)
{
	int fd = ask(args[0]);

	start_thread(get_lines, stream_of(fd, "r+"));
	fill(fd);
	about_to_end();
	exit(0);
}

static void in_read(char **args)
{
	int fd = ask(args[0]);

	start_thread(read_for_ever, &fd);
	fill(fd);
	about_to_end();
	exit(0);
}

static void *write_for_ever(void *arg)
{
	while (write(*(int *)arg, "x", 1) == 1)
		usleep(1000);
	return NULL;
}

/* While one connection waits for its peer, a thread goes on writing to another one. */
static void in_write(char **args)
{
	int busy = ask(args[0]), other = ask(args[1]);

	start_thread(write_for_ever, &other);
	fill(busy);
	exit(0);
}

static void *write_until_it_fails(void *arg)
{
	while (write(*(int *)arg, bytes, LARGE) > 0)
		;
	_exit(7);
}

/* It finds no room, and is to notice nothing. */
static void in_full_write(char **args)
{
	int fd = ask(args[0]);

	start_thread(write_until_it_fails, &fd);
	about_to_end();
	exit(0);
}

/* --- handlers --- */

static void close_kept(void)
{
	close(kept);
}

static void closed_by_a_handler(char **args)
{
	kept = ask(args[0]);
	put(kept, LARGE);
	atexit(close_kept);
	exit(0);
}

static void exit_again(void)
{
	exit(0);
}

static void exit_twice(char **args)
{
	put(ask(args[0]), LARGE);
	atexit(exit_again);
	exit(0);
}

static void write_tail(void)
{
	put(kept, TAIL);
}

/* Its handler still uses the connection. */
static void quick(char **args)
{
	kept = ask(args[0]);
	put(kept, LARGE);
	at_quick_exit(write_tail);
	quick_exit(0);
}

static void end_in_handler(int signal)
{
	(void)signal;
	_exit(0);
}

static void by_signal(char **args)
{
	put(ask(args[0]), LARGE);
	signal(SIGUSR1, end_in_handler);
	raise(SIGUSR1);
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {
		{"large", large},
		{"undelivered", undelivered},
		{"serve", serve},
		{"several", several},
		{"killed", killed},
		{"aborted", aborted},
		{"stream", stream},
		{"stream-failed", stream_failed},
		{"two-streams", two_streams},
		{"three-streams", three_streams},
		{"stream-closed", stream_closed},
		{"in-fgets", in_fgets},
		{"in-read", in_read},
		{"in-write", in_write},
		{"in-full-write", in_full_write},
		{"handler", closed_by_a_handler},
		{"twice", exit_twice},
		{"quick", quick},
		{"signal", by_signal},
	};

	return end_somehow(argc, argv, table, sizeof(table) / sizeof(table[0]));
}
