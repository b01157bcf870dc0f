/* SPDX-License-Identifier: MIT */
/*
 * Fills the table of descriptors by each call that makes them, after a close that has made the shim
 * open some of its own: as many are to be had as without it, and a call that succeeds leaves errno
 * alone. Then comes another such close, which does not wait either. A process for each call.
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

static int pair[2], spoilt;
static char path[64];
static sigset_t no_signal;

/* A name that mkstemp() fills in, with a suffix or without. */
static char *template(const char *suffix)
{
	snprintf(path, sizeof(path), "/tmp/makersXXXXXX%s", suffix);
	return path;
}

static bool unlinked(int fd)
{
	int saved = errno;

	if (fd >= 0)
		unlink(path);
	errno = saved;
	return fd >= 0;
}

enum way { BY_RECVMSG, BY_RECVMMSG, BY_SYSCALL, BY_SYSCALL_MMSG };

/* What finds no number is lost, and no error. */
static bool receive_one(enum way way)
{
	static int ends[2] = {-1, -1};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = &control,
				    .msg_controllen = sizeof(control)}};
	long n;

	if (ends[0] < 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return false;
	memset(CMSG_DATA(&control.head), 0, sizeof(int)); /* standard input is sent */
	if (sendmsg(ends[0], &m.msg_hdr, 0) != 1)
		return false;
	memset(&control, 0, sizeof(control));
	n = way == BY_RECVMSG	     ? recvmsg(ends[1], &m.msg_hdr, 0)
		: way == BY_RECVMMSG ? recvmmsg(ends[1], &m, 1, 0, NULL)
		: way == BY_SYSCALL  ? syscall(SYS_recvmsg, ends[1], &m.msg_hdr, 0)
				     : syscall(SYS_recvmmsg, ends[1], &m, 1, 0, NULL);
	if (n == 1 && !(m.msg_hdr.msg_flags & MSG_CTRUNC))
		return true;
	errno = EMFILE;
	return false;
}

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
	X(mkstemp, unlinked(mkstemp(template("")))) \
	X(mkstemp64, unlinked(mkstemp64(template("")))) \
	X(mkostemp, unlinked(mkostemp(template(""), O_APPEND))) \
	X(mkostemp64, unlinked(mkostemp64(template(""), O_APPEND))) \
	X(mkstemps, unlinked(mkstemps(template(".c"), 2))) \
	X(mkstemps64, unlinked(mkstemps64(template(".c"), 2))) \
	X(mkostemps, unlinked(mkostemps(template(".c"), 2, O_APPEND))) \
	X(mkostemps64, unlinked(mkostemps64(template(".c"), 2, O_APPEND))) \
	X(posix_openpt, posix_openpt(O_RDWR) >= 0) \
	X(tmpfile, tmpfile() != NULL) \
	X(tmpfile64, tmpfile64() != NULL) \
	X(recvmsg, receive_one(BY_RECVMSG)) \
	X(recvmmsg, receive_one(BY_RECVMMSG)) \
	X(syscall_recvmsg, receive_one(BY_SYSCALL)) \
	X(syscall_recvmmsg, receive_one(BY_SYSCALL_MMSG)) \
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
	for (errno = EDOM; make(); errno = EDOM) {
		spoilt += errno != EDOM;
		made++;
	}
	if (errno != EMFILE)
		warn("%s", name);
	say(name, made);
	if (spoilt)
		printf("%s: errno\n", name);
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
