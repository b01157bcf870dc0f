/* SPDX-License-Identifier: MIT */
/*
 * Servers that give up a listener while clients wait in its accept queue, and programs that disconnect:
 * `listens HOW ADDRESS PORT COUNT`. COUNT clients wait before it ends.
 */
#include "victim.h"

#include <elf.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

static const struct sockaddr_in nowhere = {.sin_family = AF_UNSPEC};

static struct sockaddr_in where(char **args)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(args[1]))};

	if (inet_pton(AF_INET, args[0], &at.sin_addr) != 1)
		errx(2, "%s is no address", args[0]);
	return at;
}

static int listener(char **args)
{
	struct sockaddr_in at = where(args);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
		bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 1024))
		err(1, "listen");
	return fd;
}

static void await_waiting(int fd, unsigned count)
{
	const struct timespec tick = {.tv_nsec = 1000000};
	struct tcp_info info;
	socklen_t len = sizeof(info);

	for (int i = 0; i < 10000; i++) {
		if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
			err(1, "TCP_INFO");
		if (info.tcpi_unacked >= count)
			return;
		nanosleep(&tick, NULL);
	}
	errx(1, "only %u clients wait", info.tcpi_unacked);
}

static int crowded(char **args)
{
	int fd = listener(args);

	await_waiting(fd, (unsigned)atoi(args[2]));
	return fd;
}

static void close_it(char **args)
{
	say("close", close(crowded(args)));
}

static void shut_it_down(char **args)
{
	int fd = crowded(args);

	say("shutdown", shutdown(fd, SHUT_RD));
	say("close", close(fd));
}

/* The log and the reaper have what they need by then. */
static void without_descriptors(char **args)
{
	struct rlimit lim = {64, 64};
	int fd = crowded(args), n = 0;

	reset_one();
	setrlimit(RLIMIT_NOFILE, &lim);
	while (dup(STDIN_FILENO) >= 0)
		n++;
	say("close", close(fd));
	say("descriptors", n > 0);
}

static void *stand_by(void *unused)
{
	(void)unused;
	while (pause() == -1)
		;
	return NULL;
}

static void beside_a_thread(char **args, int flags)
{
	int fd = crowded(args);
	pthread_t thread;

	if (fcntl(fd, F_SETFL, flags))
		err(1, "F_SETFL");
	pthread_create(&thread, NULL, stand_by, NULL);
	say("close", close(fd));
}

static void blocking_beside_a_thread(char **args)
{
	beside_a_thread(args, 0);
}

static void polled_beside_a_thread(char **args)
{
	beside_a_thread(args, O_NONBLOCK);
}

/* An object without anything to be loaded: refused when all else has been looked at. */
static void make_hollow(const char *path)
{
	Elf64_Ehdr head[2] = {0};
	int from = open("/proc/self/exe", O_RDONLY), to = open(path, O_WRONLY | O_CREAT, 0700);

	if (read(from, head, sizeof(head[0])) != sizeof(head[0]))
		err(1, "/proc/self/exe");
	head[0].e_phnum = 0;
	if (write(to, head, sizeof(head)) != sizeof(head))
		err(1, "%s", path);
	close(from);
	close(to);
}

static void execute_in_vain(char **args)
{
	char *argv[] = {(char[]){"hollow"}, NULL};
	int fd = crowded(args);
	socklen_t len = 0;

	make_hollow("hollow");
	if (fcntl(fd, F_SETFD, FD_CLOEXEC))
		err(1, "F_SETFD");
	say("execv", execv("./hollow", argv));
	say("filter", getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &len) ? -1 : (long)len);
	say("close", close(fd));
}

/* Two children serve what the parent has closed. */
static void prefork(char **args)
{
	int fd = crowded(args), count = atoi(args[2]), status, failed = 0;
	int gate[2];
	char byte;

	if (pipe(gate))
		err(1, "pipe");
	for (int child = 0; child < 2; child++) {
		if (fork())
			continue;
		close(gate[1]);
		if (read(gate[0], &byte, 1) != 0)
			_exit(1);
		for (int i = 0; i < count / 2; i++)
			if (close(accept(fd, NULL, NULL)))
				_exit(1);
		_exit(0);
	}
	say("close", close(fd));
	close(gate[1]);
	while (wait(&status) > 0)
		failed |= status;
	say("children", failed);
}

/* What listens, and is no TCP. */
static void other_listeners(char **args)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0listens"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)args;
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) || listen(fd, 5) ||
		connect(client, (struct sockaddr *)&name, sizeof(name)))
		err(1, "unix");
	say("shutdown", shutdown(fd, SHUT_RD));
	say("close", close(fd));
	say("client", close(client));
}

/* One socket, many connections in turn; each but the last is disconnected. */
static void reconnect(char **args)
{
	struct sockaddr_in at = where(args);
	int fd = socket(AF_INET, SOCK_STREAM, 0), count = atoi(args[2]);

	for (int i = 0; i < count; i++) {
		if (connect(fd, (struct sockaddr *)&at, sizeof(at)))
			err(1, "connect");
		if (i < count - 1 && connect(fd, (struct sockaddr *)&nowhere, sizeof(nowhere)))
			err(1, "disconnect");
	}
	say("close", close(fd));
}

/* A client that comes again and again until nobody listens: exit status 1 if it was ever reset. */
static int keep_coming(const struct sockaddr_in *at)
{
	int resets = 0, fd;
	char byte;

	for (;;) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (fd < 0)
			err(2, "socket");
		if (connect(fd, (const struct sockaddr *)at, sizeof(*at)))
			return errno == ECONNREFUSED ? resets > 0 : 2;
		resets += read(fd, &byte, 1) != 0;
		close(fd);
	}
}

static void clients(char **args)
{
	struct sockaddr_in at = where(args);
	int status, failed = 0, reset = 0;

	for (int i = atoi(args[2]); i > 0; i--)
		if (fork() == 0)
			_exit(keep_coming(&at));
	while (wait(&status) > 0) {
		reset += WIFEXITED(status) && WEXITSTATUS(status) == 1;
		failed += !WIFEXITED(status) || WEXITSTATUS(status) > 1;
	}
	say("failed", failed);
	say("reset", reset);
}

int main(int argc, char **argv)
{
	static const struct attack ways[] = {
		{"close", close_it},
		{"shutdown", shut_it_down},
		{"blocking", blocking_beside_a_thread},
		{"polled", polled_beside_a_thread},
		{"exec", execute_in_vain},
		{"emfile", without_descriptors},
		{"prefork", prefork},
		{"others", other_listeners},
		{"reconnect", reconnect},
		{"clients", clients},
	};

	if (argc != 5)
		errx(2, "usage: listens HOW ADDRESS PORT COUNT");
	return attack(argv, ways, sizeof(ways) / sizeof(ways[0]));
}
