/* SPDX-License-Identifier: MIT */
/*
 * A program whose library's system calls fail (tests/faults), and its peer. The program says what
 * every call of its came to, errno as well; the peer says what it got.
 * usage: faulted CASE [NAME=VALUE...]: the peer, which runs `faulted - CASE` in that environment
 */
#include "faulted_processes.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>

static void unread_close(void)
{
	int fd = answered(3000);

	STEP(close(fd));
	STEP(close(fd));
	STEP(socket(AF_INET, SOCK_STREAM, 0));
	ask(READ, 0, 0);
}

static void late_data(void)
{
	int fd = answered(0);

	STEP(close(fd));
	ask(SEND, 0, 1000);
	ask(READ, 0, 0);
}

static void linger_zero(void)
{
	struct linger linger = {.l_onoff = 1};
	int fd = answered(0);

	STEP(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	STEP(write(fd, "more", 4));
	STEP(close(fd));
	ask(READ, 0, 0);
}

static void linger_seconds(void)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 1};
	int fd = answered(0);

	STEP(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	ask(READ_SOON, 0, 0);
	STEP(close(fd));
}

static void asynchronous(void)
{
	int fd = answered(3000);

	signal(SIGIO, SIG_IGN);
	STEP(fcntl(fd, F_SETOWN, getpid()));
	STEP(fcntl(fd, F_SETFL, O_RDWR | O_ASYNC));
	STEP(close(fd));
	ask(READ, 0, 0);
}

static void linger2(void)
{
	int fd = answered(0), negative = -1;

	STEP(setsockopt(fd, IPPROTO_TCP, TCP_LINGER2, &negative, sizeof(negative)));
	STEP(close(fd));
	ask(READ, 0, 0);
}

static void shutdown_both(void)
{
	struct pollfd p = {.events = POLLIN};
	char byte;
	int fd = answered(0);

	STEP(shutdown(fd, SHUT_RDWR));
	p.fd = fd;
	STEP(poll(&p, 1, 1000));
	STEP(recv(fd, &byte, 1, MSG_DONTWAIT));
	STEP(close(fd));
	ask(READ, 0, 0);
}

static void shutdown_close(void)
{
	int fd = answered(0);

	STEP(shutdown(fd, SHUT_RDWR));
	STEP(close(fd));
	ask(SEND, 0, 1000);
	ask(READ, 0, 0);
}

static void listener_close(void)
{
	int fd = listen_on_any();

	for (int i = 0; i < 3; i++)
		ask(CONNECT, port_of(fd), 10);
	STEP(close(fd));
	STEP(close(fd));
	ask(READ, 0, 0);
}

static void duplicates(void)
{
	int fd = answered(3000), copy;

	STEP(copy = dup(fd));
	STEP(close(fd));
	STEP(write(copy, "alive", 5));
	STEP(fcntl(copy, F_DUPFD, 9));
	STEP(dup2(2, copy));
	STEP(write(9, "alive", 5));
	STEP(close(9));
	ask(READ, 0, 0);
}

static void close_range_over(void)
{
	int fd = answered(3000);

	STEP(close_range((unsigned)fd, (unsigned)fd + 3, 0));
	fd = answered(3000);
	STEP((closefrom(fd), 0));
	ask(READ, 0, 0);
}

static void rights(void)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control_data = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	char byte = 'x';
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control_data,
		.msg_controllen = sizeof(control_data)};
	int fd = answered(3000), pair[2] = {-1, -1};

	STEP(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	memcpy(CMSG_DATA(&control_data.head), &fd, sizeof(fd));
	STEP(sendmsg(pair[0], &msg, 0));
	STEP(close(fd));
	STEP(recvmsg(pair[1], &msg, MSG_DONTWAIT));
	memcpy(&fd, CMSG_DATA(&control_data.head), sizeof(fd));
	STEP(write(fd, "alive", 5));
	STEP(close(fd));
	ask(READ, 0, 0);
	nap(20); /* what is still in flight ends with this process */
}

/* --- threads, epoll, streams --- */

static void *sleep_on(void *arg)
{
	struct pollfd p = {.fd = *(int *)arg, .events = POLLIN};

	poll(&p, 1, -1);
	return NULL;
}

static void threads(void)
{
	int fd = answered(3000), wake[2];
	pthread_t thread;

	STEP(pipe(wake));
	STEP(pthread_create(&thread, NULL, sleep_on, &wake[0]));
	STEP(close(fd));
	fd = served(0);
	STEP(shutdown(fd, SHUT_RDWR));
	nap(30);
	STEP(close(fd));
	STEP(write(wake[1], "", 1));
	STEP(pthread_join(thread, NULL));
	ask(READ, 0, 0);
}

static void in_epoll(void)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = 1};
	int fd = answered(3000), epoll = epoll_create1(EPOLL_CLOEXEC);

	STEP(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	STEP(epoll_wait(epoll, &event, 1, 1000));
	STEP(close(fd));
	STEP(epoll_wait(epoll, &event, 1, 20));
	ask(READ, 0, 0);
}

static void stream(void)
{
	int fd = answered(3000);
	FILE *file = fdopen(fd, "w");

	STEP(fprintf(file, "end of the answer"));
	STEP(fclose(file));
	ask(READ, 0, 0);
}

static void seen(void)
{
	struct sockaddr_in none = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(9)};
	char bytes[100];
	int fd = served(0), error = 0;
	struct pollfd p = {.events = POLLOUT};
	socklen_t len = sizeof(error);

	ask(RESET, 0, 0);
	nap(20);
	STEP(read(fd, bytes, sizeof(bytes)));
	STEP(close(fd));
	fd = served(0);
	ask(CLOSE, 0, 0);
	STEP(read(fd, bytes, sizeof(bytes)));
	STEP(write(fd, "late", 4));
	nap(20);
	STEP(write(fd, "late", 4));
	STEP(close(fd));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	STEP(connect(fd, (struct sockaddr *)&none, sizeof(none)));
	STEP(close(fd));
	p.fd = fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	connect(fd, (struct sockaddr *)&none, sizeof(none));
	STEP(poll(&p, 1, 1000));
	STEP(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	tell("SO_ERROR", error, 0);
	STEP(close(fd));
}

static void disconnect(void)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	int fd = answered(3000);

	STEP(connect(fd, &none, sizeof(none)));
	STEP(close(fd));
	ask(READ, 0, 0);
}

/* --- identity and sandbox --- */

static void identity(void)
{
	int fd = answered(3000);

	STEP(close(fd));
	STEP(setgid(getgid()));
	STEP(seteuid(geteuid()));
	fd = answered(3000);
	STEP(close(fd));
	ask(READ, 0, 0);
}

static void sandboxed(void)
{
	int fd = answered(3000);

	STEP(close(fd));
	ask(READ_SOON, 0, 0);
	STEP(faulted_allow_all());
	fd = answered(0);
	STEP(close(fd));
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {{"unread", unread_close}, {"late", late_data}, {"linger-zero", linger_zero},
	{"linger2", linger2}, {"linger-seconds", linger_seconds}, {"async", asynchronous},
	{"script", executes_a_script}, {"shutdown", shutdown_both},
	{"shutdown-close", shutdown_close}, {"listener", listener_close},
	{"duplicates", duplicates}, {"close-range", close_range_over}, {"rights", rights},
	{"fork-server", fork_server}, {"fork-spared", fork_spared}, {"vfork", vfork_close},
	{"spawns", spawns}, {"return", returns}, {"_exit", exits_at_once}, {"exec", executes},
	{"threads", threads}, {"epoll", in_epoll}, {"stream", stream}, {"seen", seen},
	{"disconnect", disconnect}, {"identity", identity}, {"sandbox", sandboxed}};

/* Numbers that the program did not open would turn up in its own next ones. */
static void tell_open(void)
{
	printf("open:");
	for (int fd = 0; fd < 12; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf(" %d", fd);
	printf("\n");
}

static int victim(const char *name)
{
	control = CONTROL_FD;
	fcntl(control, F_SETFD, FD_CLOEXEC);
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (strcmp(cases[i].name, name) != 0)
			continue;
		tell_open();
		cases[i].run();
		tell_open();
		return 0;
	}
	return 92;
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "-"))
		return victim(argv[2]);
	if (argc > 1)
		return faulted_peer(argv);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		puts(cases[i].name);
	return 0;
}
