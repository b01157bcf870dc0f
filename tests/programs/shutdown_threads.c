/* SPDX-License-Identifier: MIT */
/*
 * Threads of a program that has shut both sides of a connection, one of them the first; and the filter
 * that is on its socket for a while. As shutdowns.c.
 * usage: shutdown_threads CASE
 */
#include "shutdowns.h"

#include <linux/filter.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int64_t woken_ms;

static void *read_to_end(void *fd)
{
	long n = read(*(int *)fd, buf, sizeof(buf));

	woken_ms = now_ms();
	return (void *)(n + 1);
}

static void *poll_to_end(void *fd)
{
	long n = poll(&(struct pollfd){*(int *)fd, POLLIN, 0}, 1, 5000);

	woken_ms = now_ms();
	return (void *)n;
}

/* Milliseconds until the thread that waits has been woken by the shutdown. */
static int64_t wake_thread(void *(*function)(void *), bool closes)
{
	pthread_t thread;
	int64_t start;
	void *result;
	int fds[2];

	tcp_pair(fds);
	pthread_create(&thread, NULL, function, &fds[0]);
	usleep(50000);
	start = now_ms();
	shutdown(fds[0], SHUT_RDWR);
	if (closes)
		close(fds[0]);
	pthread_join(thread, &result);
	if (result != (void *)1)
		errx(1, "it came to %ld", (long)result);
	return woken_ms - start;
}

/* The machine may be busy: once at once is enough. */
static void threads(char **args)
{
	int64_t read_ms = LATEST_MS, poll_ms = LATEST_MS, ms;

	(void)args;
	for (int i = 0; i < 5; i++) {
		ms = wake_thread(read_to_end, true);
		read_ms = ms < read_ms ? ms : read_ms;
		ms = wake_thread(poll_to_end, false);
		poll_ms = ms < poll_ms ? ms : poll_ms;
	}
	say("a thread that reads is woken at once", read_ms < AT_ONCE_MS);
	say("a thread that polls is woken at once", poll_ms < AT_ONCE_MS);
}

static int left[2];
static FILE *left_stream;

/* stdio's own reads are no doors: only the shim's clock can tell the kernel. */
static void *outlive_the_first(void *unused)
{
	int64_t start = now_ms();

	(void)unused;
	usleep(20000);
	say("fgets", fgets(buf, sizeof(buf), left_stream) != NULL);
	say("in time", now_ms() - start < LATEST_MS);
	say("close", fclose(left_stream));
	exit(0);
}

static void by_pthread_exit(void)
{
	pthread_exit(NULL);
}

static void by_syscall(void)
{
	syscall(SYS_exit, 0);
}

/* Seen by nobody; the reaper comes by another thread then (Linux 6.9). */
static void by_cancellation(void)
{
	if (syscall(SYS_pidfd_open, getpid(), O_EXCL) < 0)
		by_pthread_exit();
	pthread_cancel(pthread_self());
	pause();
}

static void leave(void (*end)(void))
{
	pthread_t thread;

	tcp_pair(left);
	left_stream = fdopen(left[0], "r");
	shutdown(left[0], SHUT_RDWR);
	pthread_create(&thread, NULL, outlive_the_first, NULL);
	end();
}

static void leaders(char **args)
{
	void (*const ends[])(void) = {by_pthread_exit, by_syscall, by_cancellation};

	(void)args;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0)
			leave(ends[i]);
		waitpid(pid, &status, 0);
		say("it ends with", status);
	}
}

/* Output is under way, so that a filter keeps what comes from the queue: not for ever. */
static void *outlive_the_filter(void *unused)
{
	int64_t start = now_ms();
	socklen_t len;

	(void)unused;
	do {
		usleep(1000);
		len = 0;
		syscall(SYS_getsockopt, left[0], SOL_SOCKET, SO_GET_FILTER, NULL, &len);
	} while (len > 0 && now_ms() - start < 5 * LATEST_MS);
	say("filter", (long)len);
	exit(0);
}

static void shut_with_output(void)
{
	static const char block[65536];

	quick_pair(left);
	while (send(left[0], block, sizeof(block), MSG_NOSIGNAL) > 0)
		;
	shutdown(left[0], SHUT_RDWR);
	say("read", read(left[0], buf, 1));
}

static void filter(char **args)
{
	pthread_t thread;

	(void)args;
	shut_with_output();
	pthread_create(&thread, NULL, outlive_the_filter, NULL);
	pthread_exit(NULL);
}

/* It is no filter of the program's. */
static void questions_of_filters(char **args)
{
	struct sock_filter all = {BPF_RET | BPF_K, 0, 0, UINT32_MAX}, got[32];
	struct sock_fprog program = {1, &all};
	socklen_t len = 0;
	int unused = 0, on = 1;

	(void)args;
	shut_with_output();
	say("lock", setsockopt(left[0], SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)));
	say("filter", getsockopt(left[0], SOL_SOCKET, SO_GET_FILTER, NULL, &len));
	say("length", (long)len);
	shut_with_output();
	say("filter", getsockopt(left[0], SOL_SOCKET, SO_GET_FILTER, NULL, &len));
	say("length", (long)len);
	shut_with_output();
	say("detach", setsockopt(left[0], SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused)));
	shut_with_output();
	say("attach", setsockopt(left[0], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)));
	usleep(400000);
	len = 32;
	say("filter", getsockopt(left[0], SOL_SOCKET, SO_GET_FILTER, got, &len));
	say("length", (long)len);
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {
		{"threads", threads},
		{"leaders", leaders},
		{"filter", filter},
		{"filters", questions_of_filters},
	};

	(void)argc;
	return attack(argv, table, sizeof(table) / sizeof(table[0]));
}
