/* SPDX-License-Identifier: MIT */
/*
 * Threads that open connections, close them with unread input, and fork meanwhile; each child closes
 * whatever it has inherited, through libc. The last close of a connection resets it, or is mended. Every
 * other child reads its own first, when its parent has closed it, and answers, which is unread in turn.
 * Says how many connections there were, and how many children did not get through.
 * usage: forkfire THREADS SECONDS MOST-A-SECOND
 */
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

#include "victim.h"

static double start, until;
static unsigned most;
static unsigned connections, children, astray;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void add(unsigned *count, unsigned n)
{
	__atomic_add_fetch(count, n, __ATOMIC_RELAXED);
}

enum part { ALONE, CHILD_CLOSES, CHILD_READS };

/* Its parent has not waited for it. */
static int use(int fd)
{
	char bytes[32];

	usleep(2000);
	return recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) != 11 ||
		send(fd, "x", 1, MSG_NOSIGNAL) != 1;
}

/* A duplicate now and then: its holders are counted from there on. */
static void one_connection(enum part part, bool twice)
{
	int fds[2], status, other = -1;
	pid_t pid = -1;

	unread_pair(fds);
	if (twice)
		other = dup(fds[0]);
	add(&connections, 1);
	if (part != ALONE) {
		pid = fork();
		if (pid < 0)
			err(1, "fork");
		if (pid == 0) {
			status = part == CHILD_READS ? use(fds[0]) : 0;
			closefrom(3);
			_exit(status);
		}
	}
	close(fds[0]);
	close(other);
	if (part != CHILD_READS)
		close(fds[1]);
	if (pid > 0) {
		if (waitpid(pid, &status, 0) != pid)
			err(1, "waitpid");
		add(&children, 1);
		add(&astray, status != 0);
	}
	if (part == CHILD_READS)
		close(fds[1]);
}

static void *fire(void *unused)
{
	static const enum part parts[6] = {CHILD_CLOSES, ALONE, ALONE, CHILD_READS};
	unsigned turn = 0;

	(void)unused;
	for (; now() < until; turn++) {
		one_connection(parts[turn % 6], turn % 4 == 0);
		while (connections > most * (now() - start))
			usleep(1000);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[64];
	int n = argc > 3 ? atoi(argv[1]) : 0, i;

	if (n < 1 || n > 64)
		errx(2, "usage: forkfire THREADS SECONDS MOST-A-SECOND");
	most = (unsigned)atoi(argv[3]);
	start = now();
	until = start + atof(argv[2]);
	for (i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, fire, NULL))
			errx(1, "pthread_create");
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	printf("%u connections, %u children, %u of them astray\n", connections, children, astray);
	return connections == 0 || children == 0 || astray != 0;
}
