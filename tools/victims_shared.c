/* SPDX-License-Identifier: MIT */
#include "victims.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Closes of a socket that somebody else still holds: they send nothing, and whoever holds it must
 * not notice. Each victim then goes on with the connection and ends it cleanly.
 */

/* What is left of the request, an answer, and a close with nothing unread. */
static int go_on(const struct victim_args *args, int fd)
{
	NEED(args, act_await_unread(fd, ACT_REQUEST));
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, act_write(args, fd, ACT_REQUEST));
	NEED(args, close(fd) == 0);
	return 0;
}

static int serve_unread(const struct victim_args *args, int *fd)
{
	*fd = act_serve(args);
	NEED(args, *fd >= 0);
	NEED(args, act_await_unread(*fd, ACT_REQUEST));
	return 0;
}

static int close_of_a_duplicate(const struct victim_args *args)
{
	int fd, other;

	if (serve_unread(args, &fd))
		return 1;
	other = fcntl(fd, F_DUPFD, fd + 1); /* above: closefrom takes what is above along */
	NEED(args, other >= 0);
	NEED(args, act_pass(args, other));
	return go_on(args, fd);
}

static int close_of_the_original(const struct victim_args *args)
{
	int fd, other;

	if (serve_unread(args, &fd))
		return 1;
	/* Below the original, which closefrom would else take along. */
	other = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	NEED(args, other >= 0);
	if (other > fd) {
		NEED(args, dup2(other, 0) == 0 && close(other) == 0);
		other = 0;
	}
	NEED(args, act_pass(args, fd));
	return go_on(args, other);
}

struct parting {
	const struct victim_args *args;
	pid_t parent;
};

/* The parent has closed it, or has ended with it open. */
static bool parent_has_let_go(void *arg)
{
	const struct parting *p = arg;

	return p->args->stage->step >= STEP_CLOSED ||
		(p->args->stage->ends && getppid() != p->parent);
}

static int child_holds_it(const struct victim_args *args)
{
	struct parting parting = {args, getpid()};
	pid_t child;
	int fd;

	if (serve_unread(args, &fd))
		return 1;
	child = fork();
	NEED(args, child >= 0);
	if (child == 0) {
		bool closed = stage_await_that(parent_has_let_go, &parting, STAGE_PATIENCE_MS);

		_exit(closed ? go_on(args, fd) : act_failed(args, __LINE__));
	}
	NEED(args, act_pass(args, fd));
	return args->stage->ends ? 0 : act_reap(args, child);
}

static int child_closes_it(const struct victim_args *args)
{
	pid_t child;
	int fd;

	if (serve_unread(args, &fd))
		return 1;
	child = fork();
	NEED(args, child >= 0);
	if (child == 0)
		_exit(act_pass(args, fd) ? 0 : 1);
	if (act_reap(args, child))
		return 1;
	return go_on(args, fd);
}

/* A vfork child has the parent's memory: what the shim notes there is noted for the parent. */
static int vfork_child_closes_it(const struct victim_args *args)
{
	pid_t child;
	int fd;

	if (serve_unread(args, &fd))
		return 1;
	child = vfork();
	NEED(args, child >= 0);
	if (child == 0)
		_exit(act_pass(args, fd) ? 0 : 1);
	if (act_reap(args, child))
		return 1;
	return go_on(args, fd);
}

/* The child inherits the socket, and its end closes it. */
static int spawned_child_inherits_it(const struct victim_args *args)
{
	static char name[] = "true";
	char *argv[] = {name, NULL};
	pid_t child;
	int fd;

	if (serve_unread(args, &fd))
		return 1;
	args->stage->step = STEP_READY;
	NEED(args, posix_spawnp(&child, name, NULL, NULL, argv, environ) == 0);
	if (act_reap(args, child))
		return 1;
	NEED(args, system("true") == 0);
	args->stage->step = STEP_CLOSED;
	return go_on(args, fd);
}

static bool send_descriptor(int through, int fd)
{
	char byte = 0;
	struct iovec iov = {&byte, 1};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(through, &msg, 0) == 1;
}

static int receive_descriptor(int through)
{
	char byte;
	struct iovec iov = {&byte, 1};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(through, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

/* In flight between processes a socket shows in no table of descriptors. */
static int sent_by_scm_rights(const struct victim_args *args)
{
	int pair[2], fd;

	NEED(args, socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	if (serve_unread(args, &fd))
		return 1;
	NEED(args, send_descriptor(pair[0], fd));
	NEED(args, act_pass(args, fd));
	fd = receive_descriptor(pair[1]);
	NEED(args, fd >= 0);
	return go_on(args, fd);
}

const struct victim victims_shared[] = {
	{"close_of_a_duplicate", close_of_a_duplicate},
	{"close_of_the_original", close_of_the_original},
	{"child_holds_it", child_holds_it},
	{"child_closes_it", child_closes_it},
	{"vfork_child_closes_it", vfork_child_closes_it},
	{"spawned_child_inherits_it", spawned_child_inherits_it},
	{"sent_by_scm_rights", sent_by_scm_rights},
	{NULL, NULL},
};
