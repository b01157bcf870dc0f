/* SPDX-License-Identifier: MIT */
/*
 * A socket with unread data is closed while a ring of io_uring may hold it, and does or does not.
 * usage: attack_rings CASE
 */
#include <dlfcn.h>
#include <linux/io_uring.h>
#include <netinet/tcp.h>
#include <sys/syscall.h>

#include "victim.h"

static int ring_by_syscall(void)
{
	struct io_uring_params params = {0};
	int fd = (int)syscall(SYS_io_uring_setup, 8, &params);

	if (fd < 0)
		err(1, "io_uring_setup");
	return fd;
}

static void register_by_syscall(int ring, int fd)
{
	if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &fd, 1))
		err(1, "IORING_REGISTER_FILES");
}

/* liburing makes its system calls itself. */
static void register_by_liburing(int fd)
{
	static _Alignas(64) char ring[1024]; /* more than a struct io_uring */
	void *lib = dlopen("liburing.so.2", RTLD_NOW);
	int (*init)(unsigned, void *, unsigned), (*add)(void *, const int *, unsigned);

	if (!lib)
		errx(1, "%s", dlerror());
	init = (int (*)(unsigned, void *, unsigned))dlsym(lib, "io_uring_queue_init");
	add = (int (*)(void *, const int *, unsigned))dlsym(lib, "io_uring_register_files");
	if (init(8, ring, 0) || add(ring, &fd, 1))
		errx(1, "liburing");
}

/* 0 is a FIN, EAGAIN none so far. */
static void close_and_look(int fds[2])
{
	char byte;

	say("close", close(fds[0]));
	usleep(20000);
	say("the peer reads", recv(fds[1], &byte, 1, MSG_DONTWAIT));
}

static void held(char **args)
{
	int fds[2];

	(void)args;
	unread_pair(fds);
	register_by_syscall(ring_by_syscall(), fds[0]);
	close_and_look(fds);
}

/* By the same line as a close before it, which was told of when nothing was loaded. */
static void loaded(char **args)
{
	int fds[2];

	(void)args;
	for (int i = 0; i < 2; i++) {
		unread_pair(fds);
		if (i)
			register_by_liburing(fds[0]);
		else
			close(fds[1]);
		close_and_look(fds);
	}
}

static void shut(char **args)
{
	int fds[2];

	(void)args;
	tcp_pair(fds);
	register_by_syscall(ring_by_syscall(), fds[0]);
	say("shutdown", shutdown(fds[0], SHUT_RDWR));
	say("write", write(fds[1], "x", 1));
	usleep(20000);
	say("write, after a reset", send(fds[1], "x", 1, MSG_NOSIGNAL));
}

/* There is a ring, but it has nothing to do with the socket. */
static void unheld(char **args)
{
	int fds[2];

	(void)args;
	unread_pair(fds);
	ring_by_syscall();
	close_and_look(fds);
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {
		{"held", held}, {"loaded", loaded}, {"shut", shut}, {"unheld", unheld}};

	(void)argc;
	return attack(argv, table, sizeof(table) / sizeof(*table));
}
