/* SPDX-License-Identifier: MIT */
/*
 * One call of a kind, over and over. Prints the wall and the CPU time of a turn in nanoseconds.
 *
 * usage: calls KIND COUNT
 *
 * The call itself sits in a function named measured_KIND, so that callgrind can count what happens
 * in there and nothing else; what prepares the next turn stands outside. Times are those of whole
 * turns.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <time.h>

#include "../programs/victim.h"

#define MEASURED __attribute__((noinline, noclone)) static void

enum { FRAMES = 16 };

static int fd, pair[2], listener;
static struct sockaddr_in where;
static char byte;

static void check(bool good, const char *what)
{
	if (!good)
		err(1, "%s", what);
}

static void prepare_zero(void)
{
	fd = open("/dev/zero", O_RDWR);
	check(fd >= 0, "/dev/zero");
}

MEASURED measured_read(void)
{
	check(read(fd, &byte, 1) == 1, "read");
}

MEASURED measured_write(void)
{
	check(write(fd, &byte, 1) == 1, "write");
}

static void prepare_pair(void)
{
	tcp_pair(pair);
}

MEASURED measured_read_tcp(void)
{
	check(read(pair[0], &byte, 1) == 1, "read");
}

static void turn_read_tcp(void)
{
	check(write(pair[1], &byte, 1) == 1, "write");
	measured_read_tcp();
}

MEASURED measured_write_tcp(void)
{
	check(write(pair[1], &byte, 1) == 1, "write");
}

static void turn_write_tcp(void)
{
	measured_write_tcp();
	check(read(pair[0], &byte, 1) == 1, "read");
}

static struct epoll_event event;

static void prepare_epoll(void)
{
	fd = epoll_create1(0);
	check(fd >= 0, "epoll_create1");
}

MEASURED measured_epoll_wait(void)
{
	check(epoll_wait(fd, &event, 1, 0) == 0, "epoll_wait");
}

MEASURED measured_poll(void)
{
	check(poll(NULL, 0, 0) == 0, "poll");
}

MEASURED measured_close(void)
{
	close(fd);
}

static void turn_close_open(void)
{
	fd = open("/dev/null", O_RDONLY);
	measured_close();
}

static void turn_close_dup(void)
{
	fd = dup(2);
	measured_close();
}

static void prepare_listener(void)
{
	const char *address = getenv("VICTIM_ADDRESS");
	socklen_t len = sizeof(where);

	where.sin_family = AF_INET;
	inet_pton(AF_INET, address ? address : "127.0.0.1", &where.sin_addr);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	check(!bind(listener, (struct sockaddr *)&where, len) && !listen(listener, 8) &&
			!getsockname(listener, (struct sockaddr *)&where, &len),
		"listen");
}

static void connect_pair(void)
{
	pair[1] = socket(AF_INET, SOCK_STREAM, 0);
	check(!connect(pair[1], (struct sockaddr *)&where, sizeof(where)), "connect");
	pair[0] = accept(listener, NULL, NULL);
}

MEASURED measured_close_tcp(void)
{
	close(pair[1]);
	close(pair[0]);
}

static void turn_churn(void)
{
	connect_pair();
	measured_close_tcp();
}

MEASURED measured_event(void)
{
	close(pair[0]);
}

/* Calls measured_event from that many frames deeper. */
static __attribute__((noinline)) void deeper(int depth)
{
	if (depth > 0)
		deeper(depth - 1);
	else
		measured_event();
	__asm__ volatile("" ::: "memory"); /* no tail call: each level is a frame */
}

/* A close that resets: the peer has said something and gone. */
static void turn_event(void)
{
	connect_pair();
	check(write(pair[1], &byte, 1) == 1, "write");
	close(pair[1]);
	deeper(FRAMES - 6); /* with what calls main, and what is called here */
}

static const struct kind {
	const char *name;
	void (*prepare)(void);
	void (*turn)(void);
} kinds[] = {
	{"read", prepare_zero, measured_read},
	{"write", prepare_zero, measured_write},
	{"read_tcp", prepare_pair, turn_read_tcp},
	{"write_tcp", prepare_pair, turn_write_tcp},
	{"epoll_wait", prepare_epoll, measured_epoll_wait},
	{"poll", NULL, measured_poll},
	{"close_open", NULL, turn_close_open},
	{"close_dup", NULL, turn_close_dup},
	{"churn", prepare_listener, turn_churn},
	{"event", prepare_listener, turn_event},
};

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int run(const struct kind *kind, int count)
{
	double wall, cpu;

	if (kind->prepare)
		kind->prepare();
	kind->turn();
	wall = seconds(CLOCK_MONOTONIC);
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < count; i++)
		kind->turn();
	wall = seconds(CLOCK_MONOTONIC) - wall;
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("%.2f %.2f\n", wall * 1e9 / count, cpu * 1e9 / count);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3) {
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (!strcmp(argv[1], kinds[i].name))
				return run(&kinds[i], atoi(argv[2]));
	}
	fprintf(stderr, "usage: calls KIND COUNT\n");
	return 2;
}
