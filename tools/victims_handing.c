/* SPDX-License-Identifier: MIT */
#include "victims.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Clean ends of a connection, told apart by who makes it, who shuts which side first, and who goes on
 * with it.
 */

static int read_and_answer(const struct victim_args *args, int fd)
{
	NEED(args, fd >= 0);
	NEED(args, act_read(fd, ACT_REQUEST));
	return act_answer_and_close(args, fd);
}

/* --- how it is made --- */

static int serve_with_option(const struct victim_args *args, int name, int value)
{
	int listener = act_listen(args);

	NEED(args, listener >= 0);
	NEED(args, setsockopt(listener, IPPROTO_TCP, name, &value, sizeof(value)) == 0);
	return read_and_answer(args, act_accept(args, listener));
}

static int accepted_with_its_data(const struct victim_args *args)
{
	return serve_with_option(args, TCP_DEFER_ACCEPT, 1);
}

static int fast_open(const struct victim_args *args)
{
	return serve_with_option(args, TCP_FASTOPEN, 5);
}

static int accepted_nonblocking(const struct victim_args *args)
{
	int listener = act_listen(args), fd;
	struct pollfd in = {.events = POLLIN};

	NEED(args, listener >= 0);
	args->stage->step = STEP_LISTENING;
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	NEED(args, fd >= 0 && close(listener) == 0);
	in.fd = fd;
	NEED(args, poll(&in, 1, STAGE_PATIENCE_MS) == 1);
	return read_and_answer(args, fd);
}

/* A connect in progress is given up: nobody has answered yet, and nothing is sent. */
static int connect_in_progress(const struct victim_args *args)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0), first = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), accepted;
	socklen_t len = sizeof(at);

	NEED(args, bind(listener, (struct sockaddr *)&at, len) == 0 && listen(listener, 0) == 0);
	NEED(args, getsockname(listener, (struct sockaddr *)&at, &len) == 0);
	NEED(args, connect(first, (struct sockaddr *)&at, len) == 0); /* the queue is full */
	NEED(args, connect(fd, (struct sockaddr *)&at, len) == -1 && errno == EINPROGRESS);
	NEED(args, act_await_state(fd, TCP_SYN_SENT));
	NEED(args, act_pass(args, fd));
	accepted = accept(listener, NULL, NULL);
	NEED(args, accepted >= 0 && close(listener) == 0);
	NEED(args, close(first) == 0 && close(accepted) == 0);
	return 0;
}

/* --- who shuts first --- */

/* From here on the peer reads. */
static void let_peer_read(const struct victim_args *args)
{
	args->stage->step = STEP_READY;
}

static int half_close_then_read_to_eof(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, act_write(args, fd, ACT_SHORT));
	NEED(args, shutdown(fd, SHUT_WR) == 0);
	let_peer_read(args);
	NEED(args, act_read_eof(fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

static int client_half_close(const struct victim_args *args)
{
	int fd = act_connect(args);

	NEED(args, fd >= 0);
	NEED(args, act_write(args, fd, ACT_REQUEST));
	NEED(args, shutdown(fd, SHUT_WR) == 0);
	NEED(args, act_read(fd, ACT_REQUEST));
	let_peer_read(args);
	NEED(args, act_read_eof(fd));
	NEED(args, act_pass(args, fd));
	return 0;
}

static int client_reads_to_eof(const struct victim_args *args)
{
	int fd = act_connect(args);

	NEED(args, fd >= 0);
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, act_read_eof(fd));
	return act_answer_and_close(args, fd);
}

static int shutdown_of_both_after_peer_fin(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, act_read_eof(fd));
	NEED(args, act_write(args, fd, ACT_SHORT));
	NEED(args, shutdown(fd, SHUT_RDWR) == 0);
	NEED(args, act_pass(args, fd));
	return 0;
}

/* A FIN is no data: that it was not read resets nothing. */
static int peer_fin_left_unread(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, act_read(fd, ACT_REQUEST));
	NEED(args, act_await_state(fd, TCP_CLOSE_WAIT));
	return act_answer_and_close(args, fd);
}

static int both_close_at_once(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, act_pass(args, fd));
	return 0;
}

static int listener_shut_down(const struct victim_args *args)
{
	int fd = act_listen(args);

	NEED(args, fd >= 0);
	NEED(args, shutdown(fd, SHUT_RDWR) == 0);
	NEED(args, act_pass(args, fd));
	return 0;
}

static int eventfd_with_a_count(const struct victim_args *args)
{
	int fd = eventfd(1, EFD_CLOEXEC);

	NEED(args, fd >= 0);
	NEED(args, act_pass(args, fd));
	return 0;
}

/* --- who goes on with it --- */

static int moved_to_another_number(const struct victim_args *args)
{
	int fd = act_serve(args), other;

	NEED(args, fd >= 0);
	NEED(args, act_await_unread(fd, ACT_REQUEST));
	other = dup2(fd, fd + 10);
	NEED(args, other == fd + 10 && close(fd) == 0);
	return read_and_answer(args, other);
}

static int marked_close_on_exec(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, act_await_unread(fd, ACT_REQUEST));
	NEED(args, close_range((unsigned)fd, (unsigned)fd, CLOSE_RANGE_CLOEXEC) == 0);
	NEED(args, fcntl(fd, F_GETFD) == FD_CLOEXEC);
	return read_and_answer(args, fd);
}

static int accepted_by_a_worker(const struct victim_args *args)
{
	int listener = act_listen(args);
	pid_t worker;

	NEED(args, listener >= 0);
	worker = fork();
	NEED(args, worker >= 0);
	if (worker == 0)
		_exit(read_and_answer(args, act_accept(args, listener)));
	if (act_reap(args, worker))
		return 1;
	NEED(args, close(listener) == 0);
	return 0;
}

/* As inetd does it. */
static void execute_with(int fd)
{
	if (dup2(fd, STDIN_FILENO) == 0 && dup2(fd, STDOUT_FILENO) == 1 && close(fd) == 0)
		execlp("sh", "sh", "-c", "head -c 1000 >/dev/null && printf hello", NULL);
}

static int executed_child_goes_on(const struct victim_args *args)
{
	int fd = act_serve(args);
	pid_t child;

	NEED(args, fd >= 0);
	NEED(args, act_await_unread(fd, ACT_REQUEST));
	child = fork();
	NEED(args, child >= 0);
	if (child == 0) {
		execute_with(fd);
		_exit(act_failed(args, __LINE__));
	}
	args->stage->sent += 5;
	NEED(args, act_pass(args, fd));
	return act_reap(args, child);
}

/* The program that takes this one's place ends the connection, and the trial. */
static int goes_on_after_exec(const struct victim_args *args)
{
	int fd = act_serve(args);

	NEED(args, fd >= 0);
	NEED(args, act_await_unread(fd, ACT_REQUEST));
	args->stage->sent += 5;
	let_peer_read(args);
	execute_with(fd);
	return act_failed(args, __LINE__);
}

const struct victim victims_handing[] = {
	{"accepted_with_its_data", accepted_with_its_data},
	{"fast_open", fast_open},
	{"accepted_nonblocking", accepted_nonblocking},
	{"connect_in_progress", connect_in_progress},
	{"half_close_then_read_to_eof", half_close_then_read_to_eof},
	{"client_half_close", client_half_close},
	{"client_reads_to_eof", client_reads_to_eof},
	{"shutdown_of_both_after_peer_fin", shutdown_of_both_after_peer_fin},
	{"peer_fin_left_unread", peer_fin_left_unread},
	{"both_close_at_once", both_close_at_once},
	{"listener_shut_down", listener_shut_down},
	{"eventfd_with_a_count", eventfd_with_a_count},
	{"moved_to_another_number", moved_to_another_number},
	{"marked_close_on_exec", marked_close_on_exec},
	{"accepted_by_a_worker", accepted_by_a_worker},
	{"executed_child_goes_on", executed_child_goes_on},
	{"goes_on_after_exec", goes_on_after_exec},
	{NULL, NULL},
};
