/* SPDX-License-Identifier: MIT */
/*
 * The shim's own descriptor numbers, and who gets them next; and signals of a socket that is closed.
 * usage: attack_numbers CASE
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "victim.h"

/* Nobody listens there: an event. */
static void refused_at(int fd)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(1)};
	const char *address = getenv("VICTIM_ADDRESS");

	inet_pton(AF_INET, address ? address : "127.0.0.1", &at.sin_addr);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		errx(1, "somebody listens at port 1");
}

static void *refused_again_and_again(void *fd)
{
	for (;;) {
		refused_at(*(int *)fd);
		usleep(100); /* each is a RST in a trace that others read too */
	}
	return NULL;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* One number is free: the log's, or the program's next, which reads what is written to it. */
static void last_number(char **args)
{
	struct rlimit limit = {64, 64};
	int fds[2], fd, last = -1, socket_fd = socket(AF_INET, SOCK_STREAM, 0);
	double until = now() + 2;
	char line[400];
	pthread_t id;

	(void)args;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (pipe2(fds, O_NONBLOCK) ||
		pthread_create(&id, NULL, refused_again_and_again, &socket_fd))
		err(1, "pipe2");
	usleep(50000);
	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		last = fd;
	close(last);
	while (now() < until) {
		fd = dup(fds[1]);
		for (int i = 0; fd >= 0 && i < 20; i++) {
			if (read(fds[0], line, sizeof(line)) > 0)
				errx(1, "a line of the log in the pipe");
		}
		close(fd);
		usleep(fd < 0 ? 20 : 150);
	}
	printf("nothing\n");
	fflush(stdout);
	_exit(0);
}

static __attribute__((noinline)) int open_numbers(void)
{
	int n = 0;

	for (int fd = 0; fd < 1100; fd++)
		n += syscall(SYS_fcntl, fd, F_GETFD) >= 0;
	return n;
}

/* A vfork child has a table of its own: what it does to the shim's numbers is not its parent's. */
static void taken_by_a_vfork_child(char **args)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), before;

	(void)args;
	refused_at(fd);
	before = open_numbers();
	for (int i = 0; i < 20; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			for (int number = 960; number < 1010; number++)
				dup2(0, number);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
		refused_at(fd);
	}
	printf("more open: %d\n", open_numbers() - before);
}

/* What the program has not opened is EBADF to it. */
static void close_each(char **args)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), fds[2], closed = 0;

	(void)args;
	refused_at(fd);
	unread_pair(fds);
	close(fds[0]);
	for (int number = 3; number < 1100; number++) {
		errno = 0;
		closed += close(number) == 0;
		if (errno && errno != EBADF)
			say("close", -1);
	}
	printf("closed: %d\n", closed);
}

static volatile sig_atomic_t urgent;

static void count(int signal)
{
	(void)signal;
	urgent++;
}

/* The peer's urgent byte comes when the program has closed. */
static void urgent_after_close(char **args)
{
	int fds[2];

	(void)args;
	signal(SIGURG, count);
	unread_pair(fds);
	fcntl(fds[0], F_SETOWN, getpid());
	close(fds[0]);
	send(fds[1], "x", 1, MSG_OOB | MSG_NOSIGNAL);
	usleep(50000);
	close(fds[1]);
	printf("SIGURG: %d\n", (int)urgent);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Each of them has a duplicate: which ones belong together must not be found by comparing all with all. */
static void close_duplicates(char **args)
{
	struct rlimit lim;
	int last = 0, i;
	double start;

	(void)args;
	getrlimit(RLIMIT_NOFILE, &lim);
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	for (i = 0; i < 4000; i++)
		last = socket(AF_INET, SOCK_STREAM, 0);
	for (i = 0; i < 4000; i++)
		dup(last - i);
	start = seconds();
	closefrom(3);
	printf("closed %s\n", seconds() - start < 2 ? "at once" : "late");
}

/* The kernel refuses a number that it would not give out, also where something is open under it. */
static void replace_above_the_limit(char **args)
{
	struct rlimit old, few;
	int fds[2], r;

	(void)args;
	getrlimit(RLIMIT_NOFILE, &old);
	for (int flags = -1; flags <= 0; flags++) {
		unread_pair(fds);
		few = (struct rlimit){(rlim_t)fds[0], old.rlim_max};
		setrlimit(RLIMIT_NOFILE, &few);
		r = flags < 0 ? dup2(0, fds[0]) : dup3(0, fds[0], flags);
		say(flags < 0 ? "dup2" : "dup3", r);
		setrlimit(RLIMIT_NOFILE, &old);
		use_up(fds);
	}
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {{"last", last_number},
		{"vfork", taken_by_a_vfork_child}, {"urgent", urgent_after_close},
		{"each", close_each}, {"duplicates", close_duplicates},
		{"above-limit", replace_above_the_limit}};

	(void)argc;
	return attack(argv, table, sizeof(table) / sizeof(*table));
}
