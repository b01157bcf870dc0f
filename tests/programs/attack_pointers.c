/* SPDX-License-Identifier: MIT */
/*
 * Calls with pointers that lead nowhere. Only the kernel may find that out: it says EFAULT, and
 * whoever looks at the program's memory before it does kills the program.
 * usage: attack_pointers CASE
 */
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include "victim.h"

enum { PAGE = 4096 };

static void *volatile nowhere = (void *)16; /* volatile: the compiler would see through it */

static int tcp_socket(void)
{
	int fds[2];

	tcp_pair(fds);
	return fds[0];
}

/* In a program that has TCP sockets, which might be sent over it. */
static int local_socket(int type)
{
	int fds[2];

	tcp_socket();
	if (socketpair(AF_UNIX, type, 0, fds))
		err(1, "socketpair");
	return fds[0];
}

/* A page, and behind it one that nobody can touch. Returns its end. */
static char *end_of_a_page(void)
{
	char *pages =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || mprotect(pages + PAGE, PAGE, PROT_NONE))
		err(1, "mmap");
	return pages + PAGE;
}

static void bad_readv(char **args)
{
	(void)args;
	say("readv", readv(tcp_socket(), nowhere, 1));
}

static void bad_writev(char **args)
{
	(void)args;
	say("writev", writev(tcp_socket(), nowhere, 1));
}

static void bad_sendmsg(char **args)
{
	(void)args;
	say("sendmsg", sendmsg(local_socket(SOCK_STREAM), nowhere, 0));
}

static void bad_sendmsg_control(char **args)
{
	struct iovec part = {"x", 1};
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = nowhere, .msg_controllen = 64};

	(void)args;
	say("sendmsg", sendmsg(local_socket(SOCK_STREAM), &message, 0));
}

/* A control message that claims to go on beyond the buffer and its page. */
static void lying_sendmsg_control(char **args)
{
	struct iovec part = {"x", 1};
	struct cmsghdr *head = (struct cmsghdr *)(void *)(end_of_a_page() - 32);
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = head, .msg_controllen = 32};

	(void)args;
	head->cmsg_len = 1 << 20;
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	say("sendmsg", sendmsg(local_socket(SOCK_STREAM), &message, 0));
}

static void bad_sendmmsg(char **args)
{
	(void)args;
	say("sendmmsg", sendmmsg(local_socket(SOCK_DGRAM), nowhere, 1, 0));
}

/* The second one is beyond the page: the first is sent. */
static void half_sendmmsg(char **args)
{
	struct iovec part = {"x", 1};
	struct mmsghdr *last = (struct mmsghdr *)(void *)end_of_a_page() - 1;

	(void)args;
	*last = (struct mmsghdr){.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
	say("sendmmsg", sendmmsg(local_socket(SOCK_DGRAM), last, 2, 0));
}

/* A whole control message, and a second one that begins beyond the page. */
static void half_control(char **args)
{
	struct iovec part = {"x", 1};
	size_t space = CMSG_SPACE(sizeof(int));
	struct cmsghdr *head = (struct cmsghdr *)(void *)(end_of_a_page() - space);
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = head,
		.msg_controllen = 2 * space};

	(void)args;
	*head = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	say("sendmsg", sendmsg(local_socket(SOCK_STREAM), &message, 0));
}

static void bad_recvmsg(char **args)
{
	(void)args;
	say("recvmsg", recvmsg(tcp_socket(), nowhere, MSG_DONTWAIT));
}

static void bad_recvmmsg(char **args)
{
	(void)args;
	say("recvmmsg", recvmmsg(tcp_socket(), nowhere, 1, MSG_DONTWAIT, NULL));
}

static void bad_connect(char **args)
{
	(void)args;
	say("connect", connect(socket(AF_INET, SOCK_STREAM, 0), nowhere, 16));
}

static void bad_setsockopt(char **args)
{
	(void)args;
	say("setsockopt", setsockopt(tcp_socket(), SOL_SOCKET, SO_LINGER, nowhere, 8));
}

static void bad_setrlimit(char **args)
{
	(void)args;
	say("setrlimit", setrlimit(RLIMIT_NPROC, nowhere));
}

static void bad_prlimit(char **args)
{
	(void)args;
	say("prlimit", prlimit(0, RLIMIT_NPROC, nowhere, NULL));
}

/* The kernel writes four bytes of the address, up to the end of the page, and no more. */
static void short_accept(char **args)
{
	struct sockaddr_in where = {.sin_family = AF_INET};
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	void *address = end_of_a_page() - 4;
	socklen_t len = sizeof(where);

	(void)args;
	inet_pton(AF_INET, getenv("VICTIM_ADDRESS"), &where.sin_addr);
	if (bind(listener, (struct sockaddr *)&where, len) || listen(listener, 1) ||
		getsockname(listener, (struct sockaddr *)&where, &len) ||
		connect(client, (struct sockaddr *)&where, len))
		err(1, "connect");
	len = 4;
	if (accept(listener, address, &len) < 0)
		err(1, "accept");
	say("length of the address", (long)len);
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {{"readv", bad_readv}, {"writev", bad_writev},
		{"sendmsg", bad_sendmsg}, {"sendmsg-control", bad_sendmsg_control},
		{"sendmmsg", bad_sendmmsg}, {"recvmsg", bad_recvmsg}, {"recvmmsg", bad_recvmmsg},
		{"connect", bad_connect}, {"setsockopt", bad_setsockopt},
		{"setrlimit", bad_setrlimit}, {"prlimit", bad_prlimit},
		{"lying-control", lying_sendmsg_control}, {"half-control", half_control},
		{"half-sendmmsg", half_sendmmsg}, {"accept", short_accept}};

	(void)argc;
	return attack(argv, table, sizeof(table) / sizeof(*table));
}
