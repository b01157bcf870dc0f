/* SPDX-License-Identifier: MIT */
#include "victims.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_accept /* i386 */
#define SYS_accept SYS_accept4
#endif

#define READ_PART 100 /* of a request; the rest stays unread */

/* Answers in full and closes with most of the request unread. */
static int close_with_unread(const struct victim_args *args, int fd)
{
	NEED(args, fd >= 0);
	NEED(args, act_await_unread(fd, ACT_REQUEST));
	NEED(args, act_read(fd, READ_PART));
	NEED(args, act_answer(args, fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

static int unread_close(const struct victim_args *args)
{
	return close_with_unread(args, act_serve(args));
}

static int unread_close_client(const struct victim_args *args)
{
	return close_with_unread(args, act_connect(args));
}

/* Made without libc's names for it. */
static int unread_close_by_syscalls(const struct victim_args *args)
{
	int listener = act_listen(args), fd;

	NEED(args, listener >= 0);
	args->stage->step = STEP_LISTENING;
	fd = (int)syscall(SYS_accept, listener, NULL, NULL, 0);
	NEED(args, close(listener) == 0);
	args->stage->step = STEP_CONNECTED;
	return close_with_unread(args, fd);
}

static int unread_close_client_by_syscalls(const struct victim_args *args)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);

	NEED(args, stage_await(&args->stage->cue, CUE_LISTENING, STAGE_PATIENCE_MS));
	at.sin_port = htons((uint16_t)args->stage->port);
	NEED(args, syscall(SYS_connect, fd, &at, sizeof(at)) == 0);
	args->stage->step = STEP_CONNECTED;
	return close_with_unread(args, fd);
}

/* The peer will send no more, but what it sent is unread: still RST. */
static int unread_after_peer_fin(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, act_await_state(fd, TCP_CLOSE_WAIT));
	return close_with_unread(args, fd);
}

/* MSG_PEEK leaves the data where it is. */
static int peeked_close(const struct victim_args *args)
{
	char buf[ACT_REQUEST];
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, act_await_unread(fd, ACT_REQUEST));
	NEED(args, recv(fd, buf, sizeof(buf), MSG_PEEK) == ACT_REQUEST);
	NEED(args, act_answer(args, fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

/* With SO_RCVLOWAT above what is there, poll says that nothing can be read. */
static int low_water_close(const struct victim_args *args)
{
	int fd = act_serve(args), water = 1 << 20;
	struct pollfd in = {.fd = fd, .events = POLLIN};

	NEED(args, fd >= 0);
	NEED(args, setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &water, sizeof(water)) == 0);
	NEED(args, act_await_unread(fd, ACT_REQUEST));
	NEED(args, poll(&in, 1, 0) == 0);
	NEED(args, act_answer(args, fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

/* A lone urgent byte: SIOCINQ says 0, and the close resets all the same. */
static int urgent_close(const struct victim_args *args)
{
	int fd = act_serve(args);
	struct pollfd urgent = {.fd = fd, .events = POLLPRI};

	NEED(args, fd >= 0);
	NEED(args, poll(&urgent, 1, STAGE_PATIENCE_MS) == 1);
	NEED(args, act_await_unread(fd, 0));
	NEED(args, act_answer(args, fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

/* Read by MSG_OOB the byte stays in the queue, and the close resets. */
static int urgent_read_close(const struct victim_args *args)
{
	int fd = act_serve(args);
	struct pollfd urgent = {.fd = fd, .events = POLLPRI};
	char byte;

	NEED(args, fd >= 0);
	NEED(args, poll(&urgent, 1, STAGE_PATIENCE_MS) == 1);
	NEED(args, recv(fd, &byte, 1, MSG_OOB) == 1);
	NEED(args, act_answer(args, fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

/* Closing the read side first throws nothing away: it is the close that does. */
static int shut_rd_then_close(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, shutdown(fd, SHUT_RD) == 0);
	return close_with_unread(args, fd);
}

/* A mend of its own kind does not end in that other reset: the peer never sends its FIN. */
static int unread_close_linger2(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, act_arm_linger2(fd));
	return close_with_unread(args, fd);
}

/* After the read side is shut down, what the peer still sends is answered with RST. */
static int close_after_shutdown(const struct victim_args *args, int fd, bool shut)
{
	NEED(args, shut);
	/* An acknowledgement still on its way would find a reset socket, and draw a second RST. */
	NEED(args, act_await_state(fd, TCP_FIN_WAIT2));
	args->stage->step = STEP_SHUT;
	NEED(args, stage_await(&args->stage->cue, CUE_SENT, STAGE_PATIENCE_MS));
	NEED(args, act_pass(args, fd));
	return 0;
}

static int serve_request(const struct victim_args *args, int *fd)
{
	*fd = act_serve(args);
	NEED(args, *fd >= 0);
	NEED(args, act_read(*fd, ACT_REQUEST));
	return 0;
}

static int shutdown_rdwr(const struct victim_args *args)
{
	int fd;

	if (serve_request(args, &fd))
		return 1;
	return close_after_shutdown(args, fd, shutdown(fd, SHUT_RDWR) == 0);
}

static int shutdown_rd_wr(const struct victim_args *args)
{
	int fd;

	if (serve_request(args, &fd))
		return 1;
	return close_after_shutdown(
		args, fd, shutdown(fd, SHUT_RD) == 0 && shutdown(fd, SHUT_WR) == 0);
}

static int shutdown_wr_rd(const struct victim_args *args)
{
	int fd;

	if (serve_request(args, &fd))
		return 1;
	return close_after_shutdown(
		args, fd, shutdown(fd, SHUT_WR) == 0 && shutdown(fd, SHUT_RD) == 0);
}

static int shutdown_syscall(const struct victim_args *args)
{
	int fd;

	if (serve_request(args, &fd))
		return 1;
	return close_after_shutdown(args, fd, syscall(SYS_shutdown, fd, SHUT_RDWR) == 0);
}

/* Shut and closed with the answer on the way; the peer does not know yet, and sends on. */
static int shutdown_late(const struct victim_args *args)
{
	int fd;

	if (serve_request(args, &fd))
		return 1;
	NEED(args, act_fill(args, fd, ACT_ANSWER));
	NEED(args, shutdown(fd, SHUT_RDWR) == 0);
	NEED(args, act_pass(args, fd));
	return 0;
}

/* Nothing can be told from this pause: it is the kernel that has to know by its end. */
static int shutdown_then_pause(const struct victim_args *args)
{
	int fd;

	if (serve_request(args, &fd))
		return 1;
	NEED(args, shutdown(fd, SHUT_RDWR) == 0);
	NEED(args, usleep(500000) == 0);
	return close_after_shutdown(args, fd, true);
}

/* More registrations than are remembered: the socket cannot leave every epoll, so it cannot linger. */
static bool register_thrice(int fd)
{
	struct epoll_event ev = {.events = EPOLLIN};

	for (int i = 0; i < 3; i++) {
		int ep = epoll_create1(EPOLL_CLOEXEC);

		if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) != 0)
			return false;
	}
	return true;
}

static int unread_close_three_epolls(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, register_thrice(fd));
	return close_with_unread(args, fd);
}

/* The answer is still on the way; the peer does not know yet, and sends on. */
static int late_data(const struct victim_args *args)
{
	int fd;

	if (serve_request(args, &fd))
		return 1;
	NEED(args, act_fill(args, fd, ACT_ANSWER));
	NEED(args, act_pass(args, fd));
	return 0;
}

static int late_data_three_epolls(const struct victim_args *args)
{
	int fd;

	if (serve_request(args, &fd))
		return 1;
	NEED(args, register_thrice(fd));
	NEED(args, act_fill(args, fd, ACT_ANSWER));
	NEED(args, act_pass(args, fd));
	return 0;
}

static int late_data_after_shut_wr(const struct victim_args *args)
{
	int fd;

	if (serve_request(args, &fd))
		return 1;
	NEED(args, act_fill(args, fd, ACT_ANSWER));
	NEED(args, shutdown(fd, SHUT_WR) == 0);
	NEED(args, act_pass(args, fd));
	return 0;
}

/* An exit would not wait for a peer that owes nothing but its FIN. */
static int pass_and_stay(const struct victim_args *args, int fd)
{
	NEED(args, act_pass(args, fd));
	NEED(args, stage_await(&args->stage->cue, CUE_SENT, STAGE_PATIENCE_MS));
	return 0;
}

/* Nothing is lost of this end's output; but the peer is still sending, and will be told off for it. */
static int late_data_acknowledged(const struct victim_args *args)
{
	int fd;

	NEED(args, (fd = act_serve(args)) >= 0 && act_read(fd, ACT_UPLOAD));
	NEED(args, act_write(args, fd, ACT_SHORT) && act_await_acknowledged(fd));
	return pass_and_stay(args, fd);
}

/* The same, half-closed before by the program itself. */
static int late_data_in_fin_wait2(const struct victim_args *args)
{
	int fd;

	NEED(args, (fd = act_serve(args)) >= 0 && act_read(fd, ACT_UPLOAD));
	NEED(args, act_write(args, fd, ACT_SHORT));
	NEED(args, shutdown(fd, SHUT_WR) == 0 && act_await_state(fd, TCP_FIN_WAIT2));
	return pass_and_stay(args, fd);
}

const struct victim victims_reset[] = {
	{"unread_close", unread_close},
	{"unread_close_client", unread_close_client},
	{"unread_after_peer_fin", unread_after_peer_fin},
	{"unread_close_by_syscalls", unread_close_by_syscalls},
	{"unread_close_client_by_syscalls", unread_close_client_by_syscalls},
	{"unread_close_linger2", unread_close_linger2},
	{"unread_close_peer_stays", unread_close},
	{"unread_close_peer_deaf", unread_close},
	{"unread_close_three_epolls", unread_close_three_epolls},
	{"late_data_three_epolls", late_data_three_epolls},
	{"peeked_close", peeked_close},
	{"low_water_close", low_water_close},
	{"urgent_close", urgent_close},
	{"urgent_read_close", urgent_read_close},
	{"shut_rd_then_close", shut_rd_then_close},
	{"shutdown_rdwr", shutdown_rdwr},
	{"shutdown_rd_wr", shutdown_rd_wr},
	{"shutdown_wr_rd", shutdown_wr_rd},
	{"shutdown_syscall", shutdown_syscall},
	{"shutdown_late", shutdown_late},
	{"shutdown_then_pause", shutdown_then_pause},
	{"late_data", late_data},
	{"late_data_after_shut_wr", late_data_after_shut_wr},
	{"late_data_acknowledged", late_data_acknowledged},
	{"late_data_in_fin_wait2", late_data_in_fin_wait2},
	{NULL, NULL},
};
