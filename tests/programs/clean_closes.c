/* SPDX-License-Identifier: MIT */
/*
 * Clean closes of blocking sockets, with output under way, in a program with threads: any of them may
 * stand in a call on the socket. What is printed is the same with the shim, but that in mode fix
 * everything arrives.
 */
#include "victim.h"

#include <netinet/tcp.h>
#include <pthread.h>
#include <time.h>

static char block[1 << 20];

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *sit(void *unused)
{
	(void)unused;
	pause();
	return NULL;
}

static void start(void *(*body)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, body, arg))
		errx(1, "pthread_create");
}

/* As much as the two kernels take, and more than the peer's. */
static long fill(int fd)
{
	long all = 0;
	ssize_t n;

	while ((n = send(fd, block, sizeof(block), MSG_DONTWAIT)) > 0)
		all += n;
	return all;
}

/* To the end of file; error: errno, or 0. */
static long read_all(int fd, int *error)
{
	long all = 0;
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0)
		all += n;
	*error = n < 0 ? errno : 0;
	return all;
}

/* The peer has a second request, and reads the answer to the first one then. */
static void late(char **args)
{
	int fds[2], error;
	long sent, got;

	(void)args;
	tcp_pair(fds);
	start(sit, NULL);
	sent = fill(fds[0]);
	close(fds[0]);
	usleep(30000);
	say("late", (int)send(fds[1], "late", 4, MSG_NOSIGNAL));
	usleep(30000);
	got = read_all(fds[1], &error);
	say("whole", got == sent);
}

/* The peer reads when it has sent all that it has, which is more than this side takes. */
static void uploads(char **args)
{
	static const char piece[65536];
	long left = 16 << 20, sent, got;
	int fds[2], error;
	ssize_t n;

	(void)args;
	tcp_pair(fds);
	start(sit, NULL);
	sent = fill(fds[0]);
	close(fds[0]);
	usleep(30000);
	while (left > 0 && (n = send(fds[1], piece, sizeof(piece), MSG_NOSIGNAL)) > 0)
		left -= n;
	got = read_all(fds[1], &error);
	say("all is sent", left <= 0);
	say("whole", got == sent);
}

/* What nobody disturbs ends with FIN, and when it is acknowledged. */
static void quiet(char **args)
{
	int fds[2], error;
	long sent, got, began;

	(void)args;
	tcp_pair(fds);
	start(sit, NULL);
	sent = fill(fds[0]);
	close(fds[0]);
	usleep(30000);
	began = now_ms();
	got = read_all(fds[1], &error);
	say("whole", got == sent && !error);
	say("slow", now_ms() - began > 300);
}

/* Nothing that another thread waits for is read in its place, nor does the peer see an end before. */
static void *receive(void *arg)
{
	static char word[8];
	int *fd = arg;
	ssize_t n = recv(*fd, word, sizeof(word) - 1, 0);

	*fd = -1;
	return n > 0 ? word : "nothing";
}

static void reader(char **args)
{
	struct pollfd end;
	pthread_t thread;
	long sent, got = 0;
	int fds[2], fd;
	void *word;

	(void)args;
	tcp_pair(fds);
	fd = fds[0];
	end = (struct pollfd){.fd = fds[1], .events = POLLIN};
	if (pthread_create(&thread, NULL, receive, &fd))
		errx(1, "pthread_create");
	usleep(50000); /* until it stands */
	sent = fill(fds[0]);
	close(fds[0]);
	while (got < sent)
		got += read(fds[1], block, sizeof(block));
	say("an end while the reader stands", poll(&end, 1, 150));
	send(fds[1], "word", 4, MSG_NOSIGNAL);
	pthread_join(thread, &word);
	printf("the reader got %s\n", (char *)word);
	say("an end afterwards", poll(&end, 1, 5000));
}

/* A write that stands goes on after the close, and all of it arrives. */
static void *write_on(void *arg)
{
	static long wrote;
	int fd = *(int *)arg;
	ssize_t n;

	while ((n = write(fd, block, 4096)) > 0)
		wrote += n;
	return &wrote;
}

static void writer(char **args)
{
	int fds[2], error;
	pthread_t thread;
	void *wrote;
	long got;

	(void)args;
	tcp_pair(fds);
	if (pthread_create(&thread, NULL, write_on, &fds[0]))
		errx(1, "pthread_create");
	usleep(300000); /* until it stands */
	close(fds[0]);
	usleep(50000);
	got = read_all(fds[1], &error);
	pthread_join(thread, &wrote);
	say("what was written arrived", got == *(long *)wrote && !error);
}

/* What was all sent at the close is not waited for: its FIN goes with it. */
static void small(char **args)
{
	long least = 1000;
	int fds[2], error, off = 0;

	(void)args;
	start(sit, NULL);
	for (int i = 0; i < 10; i++) {
		long began;

		tcp_pair(fds);
		setsockopt(fds[1], IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
		if (write(fds[0], block, 100) != 100 || write(fds[0], block, 50) != 50)
			err(1, "write");
		began = now_ms();
		close(fds[0]);
		if (read_all(fds[1], &error) != 150)
			errx(1, "it was cut short");
		if (now_ms() - began < least)
			least = now_ms() - began;
		close(fds[1]);
	}
	say("slow", least > 4);
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {
		{"late", late},
		{"uploads", uploads},
		{"quiet", quiet},
		{"reader", reader},
		{"writer", writer},
		{"small", small},
	};

	(void)argc;
	return attack(argv, table, sizeof(table) / sizeof(table[0]));
}
