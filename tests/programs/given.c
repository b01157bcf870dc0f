/* SPDX-License-Identifier: MIT */
/* Services that an inetd starts, one for each connection, and the peers of all (given.h). */
#include "given.h"

#include <fcntl.h>
#include <pthread.h>

/* --- the peers --- */

/* How many bytes came; *error: 0 after a FIN. */
static long read_all(int fd, int *error)
{
	static char buf[1 << 18];
	long all = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		all += n;
	*error = n < 0 ? errno : 0;
	return all;
}

/* They read when the service has ended, and `late` send one more byte before. */
static void peers(void)
{
	unsigned whole = 0, fins = 0;
	struct sockaddr_in a = address();
	char request[REQUEST] = "";
	int error;

	for (unsigned i = 0; i < count; i++) {
		struct pollfd p = {.events = POLLIN};

		p.fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(p.fd, (struct sockaddr *)&a, sizeof(a)) ||
			write(p.fd, request, REQUEST) != REQUEST || poll(&p, 1, 20000) != 1)
			err(1, "peer");
		nap(late ? 20 : 10);
		if (late)
			send(p.fd, "x", 1, MSG_NOSIGNAL);
		whole += read_all(p.fd, &error) == bytes;
		fins += error == 0;
		close(p.fd);
	}
	printf("%u whole, %u FIN\n", whole, fins);
}

/* --- the service --- */

static void close_standard(void)
{
	close(0);
	close(1);
	close(2);
}

static void *sit(void *arg)
{
	(void)arg;
	pause();
	return NULL;
}

/* Nobody's parent holds the connection when this ends. */
static void end_as_an_orphan(void)
{
	pid_t parent = getpid();

	if (fork())
		_exit(0);
	while (getppid() == parent)
		nap(5);
	exit(0);
}

/* The end of what it has forked is not the connection's, and does not wait for it. */
static void end_a_grandchild(void)
{
	struct pollfd p = {.events = POLLIN};
	int ends[2];

	if (pipe(ends))
		err(1, "pipe");
	if (fork() == 0)
		end_as_an_orphan();
	close(ends[1]);
	p.fd = ends[0];
	if (poll(&p, 1, 1500) != 1)
		errx(1, "a grandchild waits for the connection");
	wait(NULL);
}

/* A connection under three numbers. */
static void service(void)
{
	if (!strcmp(end, "linger"))
		setsockopt(0, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
	answer(0, 1);
	if (!strcmp(end, "close")) {
		close_standard();
	} else if (!strcmp(end, "close_range")) {
		close_range(0, ~0U, 0);
	} else if (!strcmp(end, "dup2")) {
		int null = open("/dev/null", O_RDWR);

		for (int fd = 0; fd < 3; fd++)
			dup2(null, fd);
	} else if (!strcmp(end, "fclose")) {
		fclose(stdin);
		fclose(stdout);
		fclose(stderr);
	} else if (!strcmp(end, "exec")) {
		for (int fd = 0; fd < 3; fd++)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
		execl("/bin/true", "true", NULL);
	} else if (!strcmp(end, "_exit")) {
		_exit(0);
	} else if (!strcmp(end, "thread")) {
		pthread_t thread;

		pthread_create(&thread, NULL, sit, NULL);
	} else if (!strcmp(end, "child")) {
		end_a_grandchild();
	}
	exit(0);
}

/* Standard output, and what it still buffers, is the connection: a C program that knows of no socket. */
static void service_of_stdio(void)
{
	long left = bytes;

	setvbuf(stdin, NULL, _IONBF, 0);
	if (getchar_unlocked() == EOF)
		errx(1, "no request");
	while (left--)
		putchar_unlocked('a');
	exit(0);
}

/* --- who gives --- */

static void execute_service(const char *name)
{
	execl(myself, myself, name, port, count_text, bytes_text, end, late, NULL);
	_exit(127);
}

/* As inetd does it: the connection is standard input, output and error. */
static void inetd(void)
{
	int listener = listen_here();

	for (unsigned i = 0; i < count; i++) {
		int fd = accept_one(listener);

		if (fork() == 0) {
			for (int n = 0; n < 3; n++)
				dup2(fd, n);
			execute_service(!strcmp(end, "stdio") ? "service-stdio" : "service");
		}
		close(fd);
		reap(WNOHANG);
	}
	reap(0);
}

/* As systemd does it with Accept=yes: the connection is descriptor 3, and nothing else. */
static void activate(void)
{
	int listener = listen_here();
	char pid[24];

	for (unsigned i = 0; i < count; i++) {
		int fd = accept_one(listener);

		if (fork() == 0) {
			dup2(fd, 3);
			snprintf(pid, sizeof(pid), "%d", getpid());
			setenv("LISTEN_PID", pid, 1);
			setenv("LISTEN_FDS", "1", 1);
			execute_service("activated");
		}
		close(fd);
		reap(WNOHANG);
	}
	reap(0);
}

static void activated(void)
{
	if (atoi(getenv("LISTEN_PID")) != getpid())
		errx(1, "not for me");
	answer(3, 3);
	if (!strcmp(end, "close"))
		close(3);
	else if (!strcmp(end, "_exit"))
		_exit(0);
	exit(0);
}

int main(int argc, char **argv)
{
	static const struct part parts[] = {{"peers", peers}, {"inetd", inetd},
		{"service", service}, {"service-stdio", service_of_stdio}, {"activate", activate},
		{"activated", activated}};

	return play(argc, argv, parts, sizeof(parts) / sizeof(*parts));
}
