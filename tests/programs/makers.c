/* SPDX-License-Identifier: MIT */
/*
 * Fills the table of descriptors by each call that makes them, after a close that has made the shim
 * open some of its own: as many are to be had as without it. Then comes another such close,
 * which does not wait either. A process for each call.
 * usage: makers
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#include "victim.h"

#define LIMIT	    64
#define SLOW_MS	    500
#define NULL_DEVICE "/dev/null"

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

static int pair[2];
static sigset_t no_signal;

/* X(name, call): true when it has made what it makes. */
#define MAKERS(X) \
	X(socket, socket(AF_INET, SOCK_STREAM, 0) >= 0) \
	X(socket_unix, socket(AF_UNIX, SOCK_STREAM, 0) >= 0) \
	X(socketpair, socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) \
	X(dup, dup(0) >= 0) \
	X(fcntl, fcntl(0, F_DUPFD, 0) >= 0) \
	X(fcntl_cloexec, fcntl(0, F_DUPFD_CLOEXEC, 0) >= 0) \
	X(pipe, pipe(pair) == 0) \
	X(pipe2, pipe2(pair, O_CLOEXEC) == 0) \
	X(open, open(NULL_DEVICE, O_RDONLY) >= 0) \
	X(open64, open64(NULL_DEVICE, O_RDONLY) >= 0) \
	X(openat, openat(AT_FDCWD, NULL_DEVICE, O_RDONLY) >= 0) \
	X(openat64, openat64(AT_FDCWD, NULL_DEVICE, O_RDONLY) >= 0) \
	X(__open_2, __open_2(NULL_DEVICE, O_RDONLY) >= 0) \
	X(__open64_2, __open64_2(NULL_DEVICE, O_RDONLY) >= 0) \
	X(__openat_2, __openat_2(AT_FDCWD, NULL_DEVICE, O_RDONLY) >= 0) \
	X(__openat64_2, __openat64_2(AT_FDCWD, NULL_DEVICE, O_RDONLY) >= 0) \
	X(creat, creat(NULL_DEVICE, 0600) >= 0) \
	X(creat64, creat64(NULL_DEVICE, 0600) >= 0) \
	X(fopen, fopen(NULL_DEVICE, "r") != NULL) \
	X(fopen64, fopen64(NULL_DEVICE, "r") != NULL) \
	X(opendir, opendir("/") != NULL) \
	X(memfd_create, memfd_create("m", 0) >= 0) \
	X(epoll_create, epoll_create(1) >= 0) \
	X(epoll_create1, epoll_create1(0) >= 0) \
	X(eventfd, eventfd(0, 0) >= 0) \
	X(timerfd_create, timerfd_create(CLOCK_MONOTONIC, 0) >= 0) \
	X(signalfd, signalfd(-1, &no_signal, 0) >= 0) \
	X(inotify_init, inotify_init() >= 0) \
	X(inotify_init1, inotify_init1(0) >= 0) \
	X(syscall_openat, syscall(SYS_openat, AT_FDCWD, NULL_DEVICE, O_RDONLY) >= 0) \
	X(syscall_socket, syscall(SYS_socket, AF_INET, SOCK_STREAM, 0) >= 0) \
	X(syscall_dup, syscall(SYS_dup, 0) >= 0) \
	X(syscall_pipe2, syscall(SYS_pipe2, pair, 0) == 0) \
	X(syscall_eventfd2, syscall(SYS_eventfd2, 0, 0) >= 0)

#define X(name, call) \
	static bool make_##name(void) \
	{ \
		return call; \
	}
MAKERS(X)
#undef X

#define X(name, call) {#name, make_##name},
static const struct {
	const char *name;
	bool (*make)(void);
} makers[] = {MAKERS(X)};
#undef X

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* In mode fix both linger, for their peers, which this process holds, do not close. */
static void fill(const char *name, bool (*make)(void))
{
	int before[2], at_the_limit[2];
	long made = 0, began;

	unread_pair(before);
	unread_pair(at_the_limit);
	close(before[0]);
	while (make())
		made++;
	if (errno != EMFILE)
		warn("%s", name);
	say(name, made);
	began = now_ms();
	close(at_the_limit[0]);
	if (now_ms() - began > SLOW_MS)
		printf("%s: slow\n", name);
}

int main(void)
{
	const struct rlimit limit = {LIMIT, LIMIT};

	closefrom(3);
	if (setrlimit(RLIMIT_NOFILE, &limit))
		err(1, "setrlimit");
	if (setuid(65534)) /* else a filter would take the place of lingering */
		warn("setuid");
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			fill(makers[i].name, makers[i].make);
			fflush(stdout);
			_exit(0);
		}
		if (waitpid(pid, &status, 0) != pid || status)
			errx(1, "%s: the child failed", makers[i].name);
	}
	return 0;
}
