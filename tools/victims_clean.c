/* SPDX-License-Identifier: MIT */
#include "victims.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Endings after which the kernel sends no RST: nothing may be told, nothing mended. */

static int clean_close(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, act_answer(args, fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

/* Nothing was ever sent, by neither side. */
static int silent_close(const struct victim_args *args)
{
	int fd = act_connect(args);

	NEED(args, fd >= 0);
	NEED(args, act_pass(args, fd));
	return 0;
}

static int close_after_peer_fin(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, act_read_eof(fd));
	NEED(args, act_answer(args, fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

/* Linux goes on receiving after SHUT_RD, and lets the program read it. */
static int shut_rd_alone(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, shutdown(fd, SHUT_RD) == 0);
	NEED(args, act_await_unread(fd, ACT_REQUEST));
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, act_pass(args, fd));
	return 0;
}

/* Linger 0 sends nothing once both FINs are exchanged. */
static int linger_zero_after_fins(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, act_arm_linger(fd));
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, act_read_eof(fd));
	NEED(args, shutdown(fd, SHUT_WR) == 0);
	NEED(args, act_await_state(fd, TCP_CLOSE));
	NEED(args, act_pass(args, fd));
	return 0;
}

/* The peer has reset: what is unread is lost already, and nothing more is sent. */
static int unread_after_reset(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, act_await_unread(fd, ACT_REQUEST));
	NEED(args, act_await_state(fd, TCP_CLOSE));
	NEED(args, act_pass(args, fd));
	return 0;
}

/* TCP_LINGER2 is about FIN_WAIT2, which nobody comes to who has had the peer's FIN. */
static int linger2_after_peer_fin(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, act_arm_linger2(fd));
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, act_await_state(fd, TCP_CLOSE_WAIT));
	NEED(args, act_answer(args, fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

static int linger2_disarmed(const struct victim_args *args)
{
	int fd = act_serve(args), usual = 0;

	NEED(args, fd >= 0);
	NEED(args, act_arm_linger2(fd));
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, setsockopt(fd, IPPROTO_TCP, TCP_LINGER2, &usual, sizeof(usual)) == 0);
	NEED(args, act_pass(args, fd));
	return 0;
}

static int linger_disarmed(const struct victim_args *args)
{
	struct linger off = {.l_onoff = 0, .l_linger = 0};
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, act_arm_linger(fd));
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off)) == 0);
	NEED(args, act_answer(args, fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

static int close_pair(const struct victim_args *args, int pair[2])
{
	NEED(args, write(pair[0], "unread", 6) == 6);
	NEED(args, act_pass(args, pair[1]));
	NEED(args, close(pair[0]) == 0);
	return 0;
}

static int unix_socket_with_unread(const struct victim_args *args)
{
	int pair[2];

	NEED(args, socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	return close_pair(args, pair);
}

static int pipe_with_unread(const struct victim_args *args)
{
	int ends[2], pair[2];

	NEED(args, pipe(ends) == 0);
	pair[0] = ends[1];
	pair[1] = ends[0];
	return close_pair(args, pair);
}

static int udp_socket_with_unread(const struct victim_args *args)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int pair[2] = {socket(AF_INET, SOCK_DGRAM, 0), socket(AF_INET, SOCK_DGRAM, 0)};

	NEED(args, bind(pair[1], (struct sockaddr *)&at, len) == 0);
	NEED(args, getsockname(pair[1], (struct sockaddr *)&at, &len) == 0);
	NEED(args, connect(pair[0], (struct sockaddr *)&at, len) == 0);
	return close_pair(args, pair);
}

static int listener_alone(const struct victim_args *args)
{
	int fd = act_listen(args);

	NEED(args, fd >= 0);
	NEED(args, act_arm_linger(fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

static int never_connected(const struct victim_args *args)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	NEED(args, fd >= 0);
	NEED(args, act_arm_linger(fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

const struct victim victims_clean[] = {
	{"clean_close", clean_close},
	{"silent_close", silent_close},
	{"close_after_peer_fin", close_after_peer_fin},
	{"shut_rd_alone", shut_rd_alone},
	{"linger_zero_after_fins", linger_zero_after_fins},
	{"unread_after_reset", unread_after_reset},
	{"linger_disarmed", linger_disarmed},
	{"linger2_after_peer_fin", linger2_after_peer_fin},
	{"linger2_disarmed", linger2_disarmed},
	{"unix_socket_with_unread", unix_socket_with_unread},
	{"pipe_with_unread", pipe_with_unread},
	{"udp_socket_with_unread", udp_socket_with_unread},
	{"listener_alone", listener_alone},
	{"never_connected", never_connected},
	{NULL, NULL},
};
