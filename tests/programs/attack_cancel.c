/* SPDX-License-Identifier: MIT */
/*
 * Every cancellation point that the shim stands in front of: a thread with a cancellation pending comes
 * to it, or stands in it when it is cancelled, deferred or at once. Prints what came of each. What the
 * calls themselves do is not told: it is the same as bare, or this is not.
 * usage: attack_cancel [list]
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <wordexp.h>

#include "victim.h"

static struct {
	int silent;   /* a connection from which nothing comes */
	int full;     /* one that takes less than is written */
	int listener; /* nobody connects to it */
	int stalled;  /* a socket, and a listener whose queue is full */
	struct sockaddr_in busy;
	int epoll;
	int locked; /* a file that another open file description has locked */
	int given;  /* what this call may close */
	FILE *stream;
} at;

#define FIFO "cancel.fifo"

static char byte[1 << 20]; /* more than a connection holds */
static struct iovec part = {byte, sizeof(byte)};
static struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
static struct mmsghdr messages = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};

static void use(long result)
{
	(void)result;
}

#define CALL(name, how) \
	static void call_##name(void) \
	{ \
		use((long)(how)); \
	}

static struct pollfd *one(void)
{
	static struct pollfd p;

	p = (struct pollfd){.fd = at.silent, .events = POLLIN};
	return &p;
}

static fd_set *set(void)
{
	static fd_set s;

	FD_ZERO(&s);
	FD_SET(at.silent, &s);
	return &s;
}

static struct flock *lock(void)
{
	static struct flock l;

	l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
	return &l;
}

static struct epoll_event event;
static wordexp_t words;

CALL(accept, accept(at.listener, NULL, NULL))
CALL(accept4, accept4(at.listener, NULL, NULL, 0))
CALL(connect, connect(at.stalled, (struct sockaddr *)&at.busy, sizeof(at.busy)))
CALL(read, read(at.silent, byte, 1))
CALL(readv, readv(at.silent, &part, 1))
CALL(recv, recv(at.silent, byte, 1, 0))
CALL(recvfrom, recvfrom(at.silent, byte, 1, 0, NULL, NULL))
CALL(recvmsg, recvmsg(at.silent, &message, 0))
CALL(recvmmsg, recvmmsg(at.silent, &messages, 1, 0, NULL))
CALL(write, write(at.full, byte, sizeof(byte)))
CALL(writev, writev(at.full, &part, 1))
CALL(send, send(at.full, byte, sizeof(byte), 0))
CALL(sendto, sendto(at.full, byte, sizeof(byte), 0, NULL, 0))
CALL(sendmsg, sendmsg(at.full, &message, 0))
CALL(sendmmsg, sendmmsg(at.full, &messages, 1, 0))
CALL(poll, poll(one(), 1, -1))
CALL(ppoll, ppoll(one(), 1, NULL, NULL))
CALL(select, select(at.silent + 1, set(), NULL, NULL, NULL))
CALL(pselect, pselect(at.silent + 1, set(), NULL, NULL, NULL, NULL))
CALL(epoll_wait, epoll_wait(at.epoll, &event, 1, -1))
CALL(epoll_pwait, epoll_pwait(at.epoll, &event, 1, -1, NULL))
CALL(epoll_pwait2, epoll_pwait2(at.epoll, &event, 1, NULL, NULL))
CALL(fcntl, fcntl(at.locked, F_OFD_SETLKW, lock()))
CALL(open, open(FIFO, O_RDONLY))
CALL(open64, open64(FIFO, O_RDONLY))
CALL(openat, openat(AT_FDCWD, FIFO, O_RDONLY))
CALL(openat64, openat64(AT_FDCWD, FIFO, O_RDONLY))
CALL(creat, creat(FIFO, 0600))
CALL(creat64, creat64(FIFO, 0600))
CALL(fopen, fopen(FIFO, "r"))
CALL(fopen64, fopen64(FIFO, "r"))
CALL(freopen, freopen(FIFO, "r", at.stream))
CALL(freopen64, freopen64(FIFO, "r", at.stream))
CALL(fclose, fclose(at.stream))
CALL(close, close(at.given))
CALL(ioctl, ioctl(at.silent, FIONREAD, &(int){0}))
CALL(opendir, opendir("/"))
CALL(system, system("exec sleep 3"))
CALL(popen, popen("exec true", "r"))
CALL(wordexp, wordexp("~", &words, 0))

/* `stands`: it does not come back by itself. */
static const struct point {
	const char *name;
	void (*call)(void);
	bool stands;
} points[] = {
#define STANDS(name) \
	{ \
#name, call_##name, true \
	}
#define COMES_BACK(name) \
	{ \
#name, call_##name, false \
	}
	STANDS(accept),
	STANDS(accept4),
	STANDS(connect),
	STANDS(read),
	STANDS(readv),
	STANDS(recv),
	STANDS(recvfrom),
	STANDS(recvmsg),
	STANDS(recvmmsg),
	STANDS(write),
	STANDS(writev),
	STANDS(send),
	STANDS(sendto),
	STANDS(sendmsg),
	STANDS(sendmmsg),
	STANDS(poll),
	STANDS(ppoll),
	STANDS(select),
	STANDS(pselect),
	STANDS(epoll_wait),
	STANDS(epoll_pwait),
	STANDS(epoll_pwait2),
	STANDS(fcntl),
	STANDS(open),
	STANDS(open64),
	STANDS(openat),
	STANDS(openat64),
	STANDS(creat),
	STANDS(creat64),
	STANDS(fopen),
	STANDS(fopen64),
	STANDS(freopen),
	STANDS(freopen64),
	STANDS(system),
	COMES_BACK(fclose),
	COMES_BACK(close),
	COMES_BACK(ioctl),
	COMES_BACK(opendir),
	COMES_BACK(popen),
	COMES_BACK(wordexp),
};

/* --- what the calls stand at --- */

/* Its buffers are not to grow with what they are given. */
static void limit(int fds[2])
{
	int size = 1 << 14;

	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

/* Its queue takes one more than its backlog; the third SYN waits for ever. */
static void stall(void)
{
	const char *address = getenv("VICTIM_ADDRESS");
	socklen_t len = sizeof(at.busy);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	at.busy.sin_family = AF_INET;
	inet_pton(AF_INET, address ? address : "127.0.0.1", &at.busy.sin_addr);
	if (bind(listener, (struct sockaddr *)&at.busy, len) || listen(listener, 0) ||
		getsockname(listener, (struct sockaddr *)&at.busy, &len))
		err(1, "listen");
	for (int i = 0; i < 4; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

		use(connect(fd, (struct sockaddr *)&at.busy, len));
	}
	at.listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listen(at.listener, 1))
		err(1, "listen");
}

static void set_the_stage(void)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int fds[2], holder;

	tcp_pair(fds);
	at.silent = fds[0];
	tcp_pair(fds);
	limit(fds);
	at.full = fds[0];
	stall();
	at.epoll = epoll_create1(0);
	epoll_ctl(at.epoll, EPOLL_CTL_ADD, at.silent, &ev);
	unlink(FIFO);
	if (mkfifo(FIFO, 0600))
		err(1, "mkfifo");
	holder = open("cancel.lock", O_RDWR | O_CREAT, 0600);
	at.locked = open("cancel.lock", O_RDWR);
	if (fcntl(holder, F_OFD_SETLK, lock()))
		err(1, "lock");
}

/* --- the cancellations --- */

enum how { PENDING, STANDING, STANDING_AT_ONCE, HOWS };

static const char *const hows[HOWS] = {"pending", "standing", "standing, at once"};

static struct {
	const struct point *point;
	enum how how;
} job;

static void *carry_out(void *unused)
{
	int old;

	if (job.how == PENDING) {
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
		pthread_cancel(pthread_self());
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	} else if (job.how == STANDING_AT_ONCE) {
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	}
	job.point->call();
	return unused;
}

static void cancel_in(const struct point *point, enum how how)
{
	int fds[2];
	pthread_t thread;
	void *result;

	job.point = point;
	job.how = how;
	unread_pair(fds);
	at.given = fds[0];
	at.stream = fopen("/dev/null", "r");
	at.stalled = socket(AF_INET, SOCK_STREAM, 0);
	pthread_create(&thread, NULL, carry_out, NULL);
	if (how != PENDING) {
		usleep(20000);
		pthread_cancel(thread);
	}
	pthread_join(thread, &result);
	printf("%s, %s: %s, %s\n", point->name, hows[how],
		result == PTHREAD_CANCELED ? "cancelled" : "not cancelled",
		fcntl(fds[0], F_GETFD) >= 0 ? "open" : "closed");
	close(at.stalled);
	close(fds[0]);
	close(fds[1]);
}

int main(int argc, char **argv)
{
	for (const struct point *p = points; p < points + sizeof(points) / sizeof(*points); p++) {
		if (argc > 1) {
			puts(p->name);
			continue;
		}
		if (p == points)
			set_the_stage();
		for (enum how how = PENDING; how < (p->stands ? HOWS : STANDING); how++)
			cancel_in(p, how);
	}
	(void)argv;
	if (argc == 1)
		reset_one();
	return 0;
}
