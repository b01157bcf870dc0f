/* SPDX-License-Identifier: MIT */
#include "victims.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* connect() to AF_UNSPEC, which takes a connection away from its socket, by RST where it lives. */

static const struct sockaddr_in nowhere = {.sin_family = AF_UNSPEC};

static bool disconnects(int fd)
{
	return connect(fd, (const struct sockaddr *)&nowhere, sizeof(nowhere)) == 0;
}

static int serve_part(const struct victim_args *args, int *fd)
{
	*fd = act_serve(args);
	NEED(args, *fd >= 0);
	NEED(args, act_await_unread(*fd, ACT_REQUEST));
	NEED(args, act_read(*fd, 100));
	return 0;
}

static int disconnect(const struct victim_args *args)
{
	int fd;

	if (serve_part(args, &fd))
		return 1;
	NEED(args, act_answer(args, fd));
	NEED(args, disconnects(fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

/* An address of two bytes is one, for this. */
static int disconnect_syscall(const struct victim_args *args)
{
	int fd;

	if (serve_part(args, &fd))
		return 1;
	NEED(args, syscall(SYS_connect, fd, &nowhere, sizeof(nowhere.sin_family)) == 0);
	NEED(args, act_pass(args, fd));
	return 0;
}

static int disconnect_after_peer_fin(const struct victim_args *args)
{
	int fd;

	if (serve_part(args, &fd))
		return 1;
	NEED(args, act_await_state(fd, TCP_CLOSE_WAIT));
	NEED(args, disconnects(fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

/* Unlike a close it ends the connection for all who hold it. */
static int disconnect_of_a_duplicate(const struct victim_args *args)
{
	int fd, other;

	if (serve_part(args, &fd))
		return 1;
	other = dup(fd);
	NEED(args, other >= 0);
	NEED(args, disconnects(other));
	NEED(args, close(other) == 0);
	NEED(args, act_pass(args, fd));
	return 0;
}

/* A socket that nobody saw being made. */
static int disconnect_accepted_by_syscall(const struct victim_args *args)
{
	int listener = act_listen(args), fd;

	NEED(args, listener >= 0);
	args->stage->step = STEP_LISTENING;
	fd = (int)syscall(SYS_accept4, listener, NULL, NULL, SOCK_CLOEXEC);
	NEED(args, fd >= 0 && close(listener) == 0);
	args->stage->step = STEP_CONNECTED;
	NEED(args, act_await_unread(fd, ACT_REQUEST));
	NEED(args, disconnects(fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

/* Both FINs are exchanged: there is no connection any more. */
static int disconnect_after_fins(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, act_read(fd, ACT_REQUEST) && act_read_eof(fd));
	NEED(args, shutdown(fd, SHUT_WR) == 0);
	NEED(args, act_await_state(fd, TCP_CLOSE));
	NEED(args, disconnects(fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

/* What waits at it is reset, as by a shutdown. */
static int listener_disconnect(const struct victim_args *args)
{
	int fd = act_listen(args);

	if (act_await_crowd(args, fd))
		return 1;
	NEED(args, disconnects(fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

static int disconnect_of_nothing(const struct victim_args *args)
{
	int udp = socket(AF_INET, SOCK_DGRAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	NEED(args, udp >= 0 && disconnects(udp) && close(udp) == 0);
	NEED(args, fd >= 0 && disconnects(fd) && disconnects(fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

const struct victim victims_disconnect[] = {
	{"disconnect", disconnect},
	{"disconnect_syscall", disconnect_syscall},
	{"disconnect_after_peer_fin", disconnect_after_peer_fin},
	{"disconnect_of_a_duplicate", disconnect_of_a_duplicate},
	{"disconnect_accepted_by_syscall", disconnect_accepted_by_syscall},
	{"disconnect_after_fins", disconnect_after_fins},
	{"listener_disconnect", listener_disconnect},
	{"disconnect_of_nothing", disconnect_of_nothing},
	{NULL, NULL},
};
