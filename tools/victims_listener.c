/* SPDX-License-Identifier: MIT */
#include "victims.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Listeners that end, with a crowd of peers in the accept queue or without. */

/* Serves each of the crowd: none is left in the queue. */
static int serve_crowd(const struct victim_args *args, int listener)
{
	for (int i = 0; i < ACT_CROWD; i++) {
		int fd = accept(listener, NULL, NULL);

		NEED(args, fd >= 0);
		NEED(args, act_read(fd, ACT_REQUEST));
		NEED(args, close(fd) == 0);
	}
	return 0;
}

static int listener_close(const struct victim_args *args)
{
	int fd = act_listen(args);

	if (act_await_crowd(args, fd))
		return 1;
	NEED(args, act_pass(args, fd));
	return 0;
}

/* The crowd sends on before the program ends. */
static int listener_close_late(const struct victim_args *args)
{
	if (listener_close(args))
		return 1;
	NEED(args, stage_await(&args->stage->cue, CUE_CLOSED, STAGE_PATIENCE_MS));
	return 0;
}

static int listener_close_nonblocking(const struct victim_args *args)
{
	int fd = act_listen(args);

	NEED(args, fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	if (act_await_crowd(args, fd))
		return 1;
	NEED(args, act_pass(args, fd));
	return 0;
}

/* What waits has inherited what would reset it at its close. */
static int listener_close_armed(const struct victim_args *args)
{
	int fd = act_listen(args);

	NEED(args, act_arm_linger(fd) && act_arm_linger2(fd));
	if (act_await_crowd(args, fd))
		return 1;
	NEED(args, act_pass(args, fd));
	return 0;
}

/* A listener that was shut down may listen again, and nothing of a mend is left on it. */
static int listen_again(const struct victim_args *args, int fd)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	int client = socket(AF_INET, SOCK_STREAM, 0), server;

	NEED(args, fcntl(fd, F_GETFL) == O_RDWR);
	NEED(args, listen(fd, 1) == 0);
	NEED(args, getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	NEED(args, connect(client, (struct sockaddr *)&at, len) == 0);
	server = accept(fd, NULL, NULL);
	NEED(args, server >= 0 && close(server) == 0);
	NEED(args, act_read_eof(client) && close(client) == 0);
	return 0;
}

static int listener_shutdown(const struct victim_args *args)
{
	int fd = act_listen(args);

	if (act_await_crowd(args, fd))
		return 1;
	NEED(args, shutdown(fd, SHUT_RDWR) == 0);
	if (listen_again(args, fd))
		return 1;
	NEED(args, act_pass(args, fd));
	return 0;
}

static int listener_shut_rd(const struct victim_args *args)
{
	int fd = act_listen(args);

	if (act_await_crowd(args, fd))
		return 1;
	NEED(args, shutdown(fd, SHUT_RD) == 0);
	NEED(args, act_pass(args, fd));
	return 0;
}

/* The kernel does nothing of the kind to a listener. */
static int listener_shut_wr(const struct victim_args *args)
{
	int fd = act_listen(args);

	if (act_await_crowd(args, fd))
		return 1;
	NEED(args, shutdown(fd, SHUT_WR) == 0);
	if (serve_crowd(args, fd))
		return 1;
	NEED(args, act_pass(args, fd));
	return 0;
}

static int listener_emptied(const struct victim_args *args)
{
	int fd = act_listen(args);

	if (act_await_crowd(args, fd) || serve_crowd(args, fd))
		return 1;
	NEED(args, act_pass(args, fd));
	return 0;
}

/* A pre-fork server's parent closes what its child serves. */
static int listener_shared(const struct victim_args *args)
{
	int fd = act_listen(args), status;
	pid_t child;

	if (act_await_crowd(args, fd))
		return 1;
	child = fork();
	NEED(args, child >= 0);
	if (child == 0) {
		bool closed = stage_await(&args->stage->step, STEP_CLOSED, STAGE_PATIENCE_MS);

		_exit(closed ? serve_crowd(args, fd) : act_failed(args, __LINE__));
	}
	NEED(args, act_pass(args, fd));
	NEED(args, waitpid(child, &status, 0) == child && status == 0);
	return 0;
}

const struct victim victims_listener[] = {
	{"listener_close", listener_close},
	{"listener_close_ruled", listener_close},
	{"listener_close_nonblocking_ruled", listener_close_nonblocking},
	{"listener_close_late_ruled", listener_close_late},
	{"listener_close_armed_ruled", listener_close_armed},
	{"listener_shutdown", listener_shutdown},
	{"listener_shutdown_ruled", listener_shutdown},
	{"listener_shut_rd_ruled", listener_shut_rd},
	{"listener_shut_wr_ruled", listener_shut_wr},
	{"listener_emptied_ruled", listener_emptied},
	{"listener_shared_ruled", listener_shared},
	{NULL, NULL},
};
