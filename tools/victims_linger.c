/* SPDX-License-Identifier: MIT */
#include "victims.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int answer_request(const struct victim_args *args, int fd)
{
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, act_answer(args, fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

static int armed_listener(const struct victim_args *args, bool (*arm)(int fd))
{
	int listener = act_listen(args), fd;

	NEED(args, listener >= 0);
	NEED(args, arm(listener));
	fd = act_accept(args, listener);
	NEED(args, fd >= 0);
	return answer_request(args, fd);
}

/* As a matter of configuration, long before the close. */
static int armed_accepted(const struct victim_args *args, bool (*arm)(int fd))
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, arm(fd));
	return answer_request(args, fd);
}

static int linger_zero_listener(const struct victim_args *args)
{
	return armed_listener(args, act_arm_linger);
}

static int linger_zero_accepted(const struct victim_args *args)
{
	return armed_accepted(args, act_arm_linger);
}

static int linger_zero_abort(const struct victim_args *args)
{
	int fd = act_connect(args);

	NEED(args, fd >= 0);
	NEED(args, act_arm_linger(fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

static int linger_zero_abort_syscall(const struct victim_args *args)
{
	struct linger hard = {.l_onoff = 1, .l_linger = 0};
	int fd = act_connect(args);

	NEED(args, fd >= 0);
	NEED(args, syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)) == 0);
	NEED(args, act_pass(args, fd));
	return 0;
}

/* A client's configuration, with everything acknowledged: a FIN would save nothing. */
static int linger_zero_client(const struct victim_args *args)
{
	int fd = act_connect(args);

	NEED(args, fd >= 0);
	NEED(args, act_arm_linger(fd));
	NEED(args, act_write(args, fd, ACT_REQUEST));
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, act_await_acknowledged(fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

/* The answer arrives; the acknowledgement of the FIN behind it is answered with RST. */
static int linger2_listener(const struct victim_args *args)
{
	return armed_listener(args, act_arm_linger2);
}

static int linger2_accepted(const struct victim_args *args)
{
	return armed_accepted(args, act_arm_linger2);
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

const struct victim victims_linger[] = {
	{"linger_zero_listener", linger_zero_listener},
	{"linger_zero_accepted", linger_zero_accepted},
	{"linger_zero_abort", linger_zero_abort},
	{"linger_zero_abort_syscall", linger_zero_abort_syscall},
	{"linger_zero_client", linger_zero_client},
	{"linger2_listener", linger2_listener},
	{"linger2_accepted", linger2_accepted},
	{"linger2_after_shut_wr", linger2_after_shut_wr},
	{"linger2_duplicated", linger2_duplicated},
	{NULL, NULL},
};
