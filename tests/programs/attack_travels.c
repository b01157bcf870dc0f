/* SPDX-License-Identifier: MIT */
/*
 * A socket with unread data is closed while a sendmsg() that sends it is still in the kernel: its long
 * body waits for a receiver who has the socket by then. He must still read its bytes, and send.
 * usage: attack_travels CASE
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "rights.h"

static int over[2], received[2], closed[2], fds[2];

static void *send_it(void *by_way)
{
	static char body[4 << 20];
	union control control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
					 .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS}};
	struct iovec part = {body, sizeof(body)};
	struct mmsghdr one = {.msg_hdr = {.msg_iov = &part,
				      .msg_iovlen = 1,
				      .msg_control = control.bytes,
				      .msg_controllen = sizeof(control.bytes)}};
	void (*way)(struct mmsghdr *) = *(void (**)(struct mmsghdr *))by_way;

	memcpy(CMSG_DATA(&control.head), &fds[0], sizeof(int));
	way(&one);
	return NULL;
}

static void by_sendmsg(struct mmsghdr *one)
{
	sendmsg(over[0], &one->msg_hdr, MSG_NOSIGNAL);
}

static void by_sendmmsg(struct mmsghdr *one)
{
	sendmmsg(over[0], one, 1, MSG_NOSIGNAL);
}

static void by_syscall(struct mmsghdr *one)
{
	syscall(SYS_sendmsg, over[0], &one->msg_hdr, MSG_NOSIGNAL);
}

static void many_by_syscall(struct mmsghdr *one)
{
	syscall(SYS_sendmmsg, over[0], one, 1, MSG_NOSIGNAL);
}

/* Neither the message nor what it carries lies on the stack: they meet at the border of two pages. */
static void from_pages(struct mmsghdr *one)
{
	char *pages =
		mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mmsghdr *there = (struct mmsghdr *)(void *)(pages + 4096 - 32);

	if (pages == MAP_FAILED)
		err(1, "mmap");
	*there = *one;
	there->msg_hdr.msg_control =
		memcpy(pages + 64, one->msg_hdr.msg_control, one->msg_hdr.msg_controllen);
	by_sendmsg(there);
}

/* It has the socket with the first byte of the message, and uses it when it is time. */
static pid_t start_receiver(int hint)
{
	char bytes[32];
	pid_t pid;
	int fd;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, over) || pipe(received) || pipe(closed))
		err(1, "pipe");
	pid = fork();
	if (pid) {
		close(over[1]);
		close(closed[0]);
		return pid;
	}
	close(over[0]);
	close(closed[1]);
	fd = receive_descriptor(over[1], false);
	if (hint)
		kill(getppid(), hint);
	if (write(received[1], "x", 1) != 1 || read(closed[0], bytes, 1) < 0)
		err(1, "pipe");
	say("the holder reads", recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT));
	say("the holder sends", send(fd, "x", 1, MSG_NOSIGNAL));
	_exit(0);
}

static void await_receiver(void)
{
	char byte;

	if (read(received[0], &byte, 1) != 1)
		err(1, "read");
}

static void end_round(pid_t receiver)
{
	char bytes[32];

	close(closed[1]);
	waitpid(receiver, NULL, 0);
	say("the peer reads", recv(fds[1], bytes, sizeof(bytes), 0));
	close(fds[1]);
}

static void closes_beside(void (*way)(struct mmsghdr *))
{
	pid_t receiver = start_receiver(0);
	pthread_t thread;

	unread_pair(fds);
	pthread_create(&thread, NULL, send_it, (void *)&way);
	await_receiver();
	close(fds[0]);
	end_round(receiver);
	pthread_join(thread, NULL);
}

static void threads(char **args)
{
	(void)args;
	closes_beside(by_sendmsg);
	closes_beside(by_sendmmsg);
	closes_beside(by_syscall);
	closes_beside(many_by_syscall);
	closes_beside(from_pages);
}

static void close_it(int number)
{
	(void)number;
	close(fds[0]);
	close(closed[1]);
}

/* The call goes on after the handler, until the receiver ends. */
static void handler(char **args)
{
	void (*way)(struct mmsghdr *) = by_sendmsg;
	pid_t receiver;

	(void)args;
	signal(SIGUSR1, close_it);
	receiver = start_receiver(SIGUSR1);
	unread_pair(fds);
	send_it((void *)&way);
	end_round(receiver);
}

/* A child holds it too, and is counted: it is the last of those. */
static void counted(char **args)
{
	void (*way)(struct mmsghdr *) = by_sendmsg;
	pid_t receiver = start_receiver(0), child;
	pthread_t thread;
	int turn[2];
	char byte;

	(void)args;
	if (pipe(turn))
		err(1, "pipe");
	unread_pair(fds);
	child = fork();
	if (child == 0) {
		close(turn[1]);
		if (read(turn[0], &byte, 1) == 0)
			close(fds[0]);
		_exit(0);
	}
	pthread_create(&thread, NULL, send_it, (void *)&way);
	await_receiver();
	close(fds[0]);
	close(turn[1]);
	waitpid(child, NULL, 0);
	end_round(receiver);
	pthread_join(thread, NULL);
}

/* --- what was not sent is the program's alone --- */

static void fail_to_send(void)
{
	static char much[4096];
	union control control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
					 .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS}};
	struct iovec part = {much, sizeof(much)};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct mmsghdr one = {.msg_hdr = message};

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, over))
		err(1, "socketpair");
	while (send(over[0], much, sizeof(much), 0) > 0)
		;
	memcpy(CMSG_DATA(&control.head), &fds[0], sizeof(int));
	say("sendmsg", sendmsg(over[0], &message, 0));
	say("sendmsg by syscall", syscall(SYS_sendmsg, over[0], &message, 0));
	say("sendmmsg", sendmmsg(over[0], &one, 1, 0));
	say("sendmmsg by syscall", syscall(SYS_sendmmsg, over[0], &one, 1, 0));
}

static void make_unread(void)
{
	struct pollfd wait = {.events = POLLRDHUP};

	unread_pair(fds);
	close(fds[1]);
	wait.fd = fds[0];
	poll(&wait, 1, 5000);
}

static void full(char **args)
{
	(void)args;
	make_unread();
	fail_to_send();
	close(fds[0]);
}

static void full_of_a_family(char **args)
{
	pid_t child;

	(void)args;
	make_unread();
	child = fork();
	if (child == 0) {
		close(fds[0]);
		_exit(0);
	}
	fail_to_send();
	waitpid(child, NULL, 0);
	close(fds[0]);
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {{"threads", threads}, {"handler", handler},
		{"counted", counted}, {"full", full}, {"full-family", full_of_a_family}};

	(void)argc;
	return attack(argv, table, sizeof(table) / sizeof(*table));
}
