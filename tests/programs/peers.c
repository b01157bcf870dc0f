/* SPDX-License-Identifier: MIT */
/* The other ends of the servers under test, which start them without the shim (peers.h). */
#include "victim.h"

#include <signal.h>

#define REQUEST 100
#define SILENT	10 /* every tenth never answers, where that is asked for */

static const char request[REQUEST];

static struct sockaddr_in address(int port, unsigned turn)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	/* Another address now and then: a pair of them has but 28,000 ports. */
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + turn / 10000);
	return a;
}

static int connect_to(int port, unsigned turn)
{
	struct sockaddr_in a = address(port, turn);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		err(1, "connect");
	return fd;
}

/* How many bytes came before the end of file; -1: there was none. */
static long read_all(int fd)
{
	static char buf[65536];
	long all = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		all += n;
	return n < 0 ? -1 : all;
}

struct tally {
	unsigned whole, cut;
};

static void ask(int port, unsigned turn, long expected, struct tally *t)
{
	int fd = connect_to(port, turn);

	if (send(fd, request, REQUEST, MSG_NOSIGNAL) == REQUEST && read_all(fd) == expected)
		t->whole++;
	else
		t->cut++;
	close(fd);
}

static int late_fd;

static void send_late(int signal)
{
	(void)signal;
	send(late_fd, request, 1, MSG_NOSIGNAL);
}

/* PORT BYTES: sends a byte when the server says that it has closed, with the answer on the way. */
static void play_late_peer(char **args)
{
	long got;

	late_fd = connect_to(atoi(args[0]), 0);
	signal(SIGUSR1, send_late);
	if (send(late_fd, request, REQUEST, MSG_NOSIGNAL) != REQUEST)
		err(1, "send");
	got = read_all(late_fd);
	if (got != atol(args[1]))
		fprintf(stderr, "the peer was cut short\n");
	exit(got != atol(args[1]));
}

/* PORT COUNT BYTES SILENT: exits with 0 if every peer that answers got everything. */
static void play_peers(char **args)
{
	int port = atoi(args[0]), silent = atoi(args[3]), kept[4000], next = 0;
	unsigned count = (unsigned)atoi(args[1]), i;
	struct tally t = {0};

	memset(kept, -1, sizeof(kept));
	for (i = 0; i < count; i++) {
		if (!silent || i % SILENT) {
			ask(port, i, atol(args[2]), &t);
			continue;
		}
		if (kept[next] >= 0)
			close(kept[next]);
		kept[next] = connect_to(port, i);
		if (send(kept[next], request, REQUEST, 0) != REQUEST)
			err(1, "send");
		next = (next + 1) % 4000;
	}
	if (t.cut)
		fprintf(stderr, "%u of %u peers were cut short\n", t.cut, t.cut + t.whole);
	exit(t.cut ? 1 : 0);
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {
		{"ask", play_peers},
		{"late", play_late_peer},
	};

	(void)argc;
	return attack(argv, table, sizeof(table) / sizeof(table[0]));
}
