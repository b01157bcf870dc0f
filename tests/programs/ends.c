/* SPDX-License-Identifier: MIT */
/*
 * Clients that end with their connection open: `ends HOW PORT [filtered]`. They say a line, get an
 * answer that they leave unread, write, and end in some way. `filtered`: the socket has a filter of
 * its own, so that the shim cannot leave it to the kernel with another.
 */
#include "victim.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define LARGE (4 << 20)
#define TAIL  1000 /* fits into a stream's buffer */

extern char **environ;
static char bytes[LARGE + TAIL];
static int kept = -1;
static bool filtered;

static struct sockaddr_in address_of(const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	const char *address = getenv("VICTIM_ADDRESS");

	inet_pton(AF_INET, address ? address : "127.0.0.1", &a.sin_addr);
	return a;
}

static int connect_to(const char *port)
{
	struct sockaddr_in a = address_of(port);
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 0xffffffff);
	struct sock_fprog program = {1, &all};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		err(1, "connect");
	if (filtered) /* where it is not permitted, it is to nobody */
		setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
	return fd;
}

/* The answer is there, and unread. */
static int ask(const char *port)
{
	struct pollfd p = {.events = POLLIN};

	p.fd = connect_to(port);
	if (write(p.fd, "?\n", 2) != 2 || poll(&p, 1, 5000) != 1)
		err(1, "no answer");
	return p.fd;
}

static void put(int fd, size_t n)
{
	if (write(fd, bytes, n) != (ssize_t)n)
		err(1, "write");
}

/* To which the test compares when the program has ended. */
static void about_to_end(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	fprintf(stderr, "ends at %lld.%09ld\n", (long long)t.tv_sec, t.tv_nsec);
}

static void large(char **args)
{
	put(ask(args[0]), LARGE);
	about_to_end();
	exit(0);
}

/* As much as the two kernels hold while the peer does not read. */
static void fill(int fd)
{
	long all = 0, n;

	while ((n = send(fd, bytes, TAIL, MSG_DONTWAIT)) > 0)
		all += n;
	say("wrote", all);
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

/* --- processes --- */

static void end_child(unsigned turn, int fd)
{
	char *argv[] = {(char[]){"true"}, NULL};

	switch (turn % 6) {
	case 0:
		exit(0);
	case 1:
		_exit(0);
	case 2:
		quick_exit(0);
	case 3:
		syscall(SYS_exit_group, 0);
		break;
	case 4:
		execvp("true", argv);
		break;
	default:
		fcntl(fd, F_SETFD, 0);
		execv("/bin/true", argv);
	}
	_exit(1);
}

/* Their ends are none of the connection's business, which then goes on. */
static void children(char **args)
{
	int fd = ask(args[0]), status;
	char byte;

	for (unsigned turn = 0; turn < 12; turn++) {
		pid_t pid = fork();

		if (pid == 0)
			end_child(turn, fd);
		if (waitpid(pid, &status, 0) != pid || status)
			errx(1, "a child failed");
	}
	put(fd, LARGE);
	if (read(fd, &byte, 1) != 1)
		err(1, "read");
	close(fd);
}

static void make(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd))
		err(1, "%s", path);
}

/* None of them comes about, and the connection goes on. */
static void exec_fails(char **args)
{
	char *argv[] = {(char[]){"x"}, NULL}, *volatile wild = (char *)8, byte;
	int fd = ask(args[0]);

	make("no-format", "what is this", 0755);
	make("no-interpreter", "#!/no/such/interpreter -x\n", 0755);
	make("no-permission", "#!/bin/sh\n", 0644);
	say("missing", execv("/no/such/program", argv));
	say("searched", execvp("no-such-program", argv));
	say("searched, empty", execvp("", argv));
	say("directory", execv("/", argv));
	say("no format", execv("./no-format", argv));
	say("no interpreter", execv("./no-interpreter", argv));
	say("no permission", execv("./no-permission", argv));
	say("wild", execve(wild, argv, environ));
	say("wild arguments", execve("/bin/true", (void *)wild, environ));
	say("by fd", fexecve(fd, argv, environ));
	say("at", (int)syscall(SYS_execveat, fd, "", argv, environ, 0));
	put(fd, LARGE);
	if (read(fd, &byte, 1) != 1)
		err(1, "read");
	close(fd);
}

static void exec_script(char **args)
{
	char *argv[] = {(char[]){"script"}, NULL};

	make("script", "#! /bin/sh -e\nexit 0\n", 0755);
	put(ask(args[0]), LARGE);
	setenv("PATH", "/no/such:.:/bin", 1);
	execvp("script", argv);
	err(1, "execvp");
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
		{"children", children},
		{"exec-fails", exec_fails},
		{"exec-script", exec_script},
	};

	filtered = argc > 2 && !strcmp(argv[argc - 1], "filtered");
	return attack(argv, table, sizeof(table) / sizeof(table[0]));
}
