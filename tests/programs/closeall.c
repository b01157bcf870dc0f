/* SPDX-License-Identifier: MIT */
/*
 * A daemon that closes every descriptor it may have inherited, and then works with many sockets.
 * Whatever a preloaded library had open is gone, and its numbers are now the daemon's: some sockets
 * are moved to exactly those numbers. Each socket then carries known traffic both ways, the first
 * one is closed with unread data, and the others go on. Not one foreign byte may come or go.
 *
 * usage: closeall WAY ADDRESS PORT SOCKETS REPORT      WAY is close, closefrom, close_range,
 *        or everything (the standard streams too, so that sockets become 0, 1 and 2);
 *        REPORT is a file that is created at the end and says "ok" or what went wrong
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>

#include "victim.h"

enum { MESSAGE = 4096, LAST = 65535, TAKEN = 32 };

static const char *report;
static int taken[TAKEN], taken_count; /* the numbers that somebody else had open at start */

__attribute__((noreturn, format(printf, 1, 2))) static void finish(const char *format, ...)
{
	FILE *file = fopen(report, "w");
	va_list args;

	va_start(args, format);
	if (file) {
		vfprintf(file, format, args);
		fclose(file);
	}
	va_end(args);
	_exit(0);
}

static void note_open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	if (!dir)
		err(1, "/proc/self/fd");
	while ((entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (fd > 2 && fd != dirfd(dir) && taken_count < TAKEN)
			taken[taken_count++] = fd;
	}
	closedir(dir);
}

static void become_daemon(void)
{
	int null;

	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (pid > 0)
			_exit(0);
		setsid();
	}
	null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
}

static void close_all(const char *way)
{
	if (!strcmp(way, "everything")) {
		closefrom(0);
	} else if (!strcmp(way, "closefrom")) {
		closefrom(3);
	} else if (!strcmp(way, "close_range")) {
		close_range(3, ~0U, 0);
	} else {
		for (int fd = 3; fd <= LAST; fd++)
			close(fd);
	}
}

static int connect_to(const char *address, int port)
{
	struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, address, &where.sin_addr);
	if (fd < 0 || connect(fd, (struct sockaddr *)&where, sizeof(where)))
		finish("connect: %s\n", strerror(errno));
	return fd;
}

/* Moves a socket to that very number, if it is free. */
static int move_to(int fd, int number)
{
	int moved = fcntl(fd, F_DUPFD, number);

	if (moved < 0)
		return fd;
	close(fd);
	return moved;
}

static void fill(char *message, int index, int round)
{
	int len = snprintf(message, MESSAGE, "socket %d round %d ", index, round);

	for (int i = len; i < MESSAGE; i++)
		message[i] = (char)('a' + (i + index) % 26);
}

/* One message out, the peer's message (that of index + 1000) in, byte for byte. */
static void exchange(int fd, int index, int round)
{
	char message[MESSAGE], answer[MESSAGE];
	ssize_t got;

	fill(message, index, round);
	if (write(fd, message, MESSAGE) != MESSAGE)
		finish("socket %d: write: %s\n", index, strerror(errno));
	fill(message, index + 1000, round);
	got = recv(fd, answer, MESSAGE, MSG_WAITALL);
	if (got != MESSAGE)
		finish("socket %d, descriptor %d: %zd bytes came\n", index, fd, got);
	for (int i = 0; i < MESSAGE; i++)
		if (answer[i] != message[i])
			finish("socket %d, descriptor %d: byte %d is %#x\n", index, fd, i,
				answer[i]);
}

static void end_of(int fd, int index)
{
	char byte;

	shutdown(fd, SHUT_WR);
	if (read(fd, &byte, 1) != 0)
		finish("socket %d: something foreign came at the end\n", index);
	close(fd);
}

int main(int argc, char **argv)
{
	int count = argc == 6 ? atoi(argv[4]) : 0;
	int *sockets = calloc((size_t)count + 1, sizeof(*sockets));
	struct pollfd wait = {.events = POLLIN};
	struct rlimit limit;

	if (count < TAKEN + 8 || !sockets)
		return 2;
	report = argv[5];
	reset_one(); /* whoever opens descriptors for that has them open now */
	note_open_descriptors();
	become_daemon();
	close_all(argv[1]);

	for (int i = 0; i < count; i++)
		sockets[i] = connect_to(argv[2], atoi(argv[3]));
	getrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < taken_count; i++)
		sockets[1 + i] = move_to(sockets[1 + i], taken[i]);
	for (int i = 0; i < 6; i++)
		sockets[count - 1 - i] =
			move_to(sockets[count - 1 - i], (int)limit.rlim_cur - 1 - i);

	for (int i = 0; i < count; i++)
		exchange(sockets[i], i, 1);
	wait.fd = sockets[0];
	poll(&wait, 1, 5000); /* what the peer says unasked on the first one stays unread */
	close(sockets[0]);
	for (int i = 1; i < count; i++)
		exchange(sockets[i], i, 2);
	for (int i = 1; i < count; i++)
		end_of(sockets[i], i);
	finish("ok\n");
}
