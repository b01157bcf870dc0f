/* SPDX-License-Identifier: MIT */
#include "victims.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The answer arrives; the acknowledgement of the FIN behind it is answered with RST. */
static int linger2_listener(const struct victim_args *args)
{
	int listener = act_listen(args), fd;

	NEED(args, listener >= 0);
	NEED(args, act_arm_linger2(listener));
	fd = act_accept(args, listener);
	NEED(args, fd >= 0);
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, act_answer(args, fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

static int linger2_accepted(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, act_arm_linger2(fd));
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, act_answer(args, fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

/* Nothing at all under way, and in FIN_WAIT2 already: the close itself resets. */
static int linger2_after_shut_wr(const struct victim_args *args)
{
	int fd = act_connect(args), never = -1;

	NEED(args, fd >= 0);
	NEED(args,
		syscall(SYS_setsockopt, fd, IPPROTO_TCP, TCP_LINGER2, &never, sizeof(never)) == 0);
	NEED(args, act_write(args, fd, ACT_REQUEST));
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, shutdown(fd, SHUT_WR) == 0);
	NEED(args, act_await_state(fd, TCP_FIN_WAIT2));
	NEED(args, act_pass(args, fd));
	return 0;
}

/* Whoever still holds it keeps the option, and closes by it or not. */
static int linger2_duplicated(const struct victim_args *args)
{
	int fd = act_serve(args), other, sec = 0;
	socklen_t len = sizeof(sec);

	NEED(args, fd >= 0);
	NEED(args, act_arm_linger2(fd));
	NEED(args, act_read(fd, ACT_REQUEST));
	other = fcntl(fd, F_DUPFD, fd + 1);
	NEED(args, act_pass(args, other));
	NEED(args, getsockopt(fd, IPPROTO_TCP, TCP_LINGER2, &sec, &len) == 0 && sec == -1);
	sec = 0;
	NEED(args, setsockopt(fd, IPPROTO_TCP, TCP_LINGER2, &sec, len) == 0);
	NEED(args, act_write(args, fd, ACT_REQUEST));
	NEED(args, close(fd) == 0);
	return 0;
}

const struct victim victims_linger2[] = {
	{"linger2_listener", linger2_listener},
	{"linger2_accepted", linger2_accepted},
	{"linger2_after_shut_wr", linger2_after_shut_wr},
	{"linger2_duplicated", linger2_duplicated},
	{NULL, NULL},
};
