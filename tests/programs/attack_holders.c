/* SPDX-License-Identifier: MIT */
/*
 * A socket with unread data is closed while somebody else still holds it, who came by it on a path
 * that is easily overlooked. The other holder must still read its bytes, and send.
 * usage: attack_holders CASE
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victim.h"

extern char **environ;

static const char *myself;

static void use_as_holder(int fd)
{
	char bytes[32];

	say("the holder reads", recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT));
	say("the holder sends", send(fd, "x", 1, MSG_NOSIGNAL));
}

static void dup_by_syscall(char **args)
{
	int fds[2], holder;

	(void)args;
	unread_pair(fds);
	holder = (int)syscall(SYS_dup, fds[0]);
	close(fds[0]);
	use_as_holder(holder);
}

static void fcntl_by_syscall(char **args)
{
	int fds[2], holder;

	(void)args;
	unread_pair(fds);
	holder = (int)syscall(SYS_fcntl, fds[0], F_DUPFD, 0);
	close(fds[0]);
	use_as_holder(holder);
}

struct split {
	int fd;
	pthread_barrier_t turn;
};

static void *with_a_table_of_its_own(void *context)
{
	struct split *split = context;

	if (unshare(CLONE_FILES))
		err(1, "unshare");
	pthread_barrier_wait(&split->turn);
	pthread_barrier_wait(&split->turn);
	use_as_holder(split->fd);
	return NULL;
}

static void thread_with_its_own_table(char **args)
{
	struct split split;
	pthread_t thread;
	int fds[2];

	(void)args;
	unread_pair(fds);
	split.fd = fds[0];
	pthread_barrier_init(&split.turn, NULL, 2);
	pthread_create(&thread, NULL, with_a_table_of_its_own, &split);
	pthread_barrier_wait(&split.turn);
	close(fds[0]);
	pthread_barrier_wait(&split.turn);
	pthread_join(thread, NULL);
}

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr head;
};

/* A message of one byte with room for one descriptor. */
static struct msghdr message_of(struct iovec *part, union control *control)
{
	return (struct msghdr){.msg_iov = part,
		.msg_iovlen = 1,
		.msg_control = control->bytes,
		.msg_controllen = sizeof(control->bytes)};
}

static long send_rights(int over, int fd, bool by_syscall)
{
	union control control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
					 .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS}};
	struct iovec part = {"x", 1};
	struct msghdr message = message_of(&part, &control);

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return by_syscall ? syscall(SYS_sendmsg, over, &message, 0) : sendmsg(over, &message, 0);
}

static int receive_rights(int over)
{
	union control control;
	char byte;
	struct iovec part = {&byte, 1};
	struct msghdr message = message_of(&part, &control);
	int fd;

	if (recvmsg(over, &message, 0) != 1)
		err(1, "recvmsg");
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return fd;
}

static void rights_by_syscall(char **args)
{
	int fds[2], local[2];

	(void)args;
	unread_pair(fds);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, local))
		err(1, "socketpair");
	say("sent", send_rights(local[0], fds[0], true));
	close(fds[0]);
	use_as_holder(receive_rights(local[1]));
}

/* freopen closes a TCP socket inside libc, and its number becomes a local socket that sends. */
static void rights_over_a_stale_number(char **args)
{
	int old[2], fds[2], local[2], over;
	FILE *stream;

	(void)args;
	tcp_pair(old);
	stream = fdopen(old[1], "r+");
	unread_pair(fds);
	if (freopen("/nonexistent/file", "r", stream))
		errx(1, "freopen opened what does not exist");
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, local))
		err(1, "socketpair");
	over = local[0] == old[1] ? 0 : 1;
	if (local[over] != old[1])
		errx(1, "the number %d was not used again", old[1]);
	say("sent", send_rights(local[over], fds[0], false));
	close(fds[0]);
	use_as_holder(receive_rights(local[!over]));
}

/* The other end of the pipe is closed when it is time. */
static void hold(char **args)
{
	char byte;

	if (read(atoi(args[1]), &byte, 1) == 0)
		use_as_holder(atoi(args[0]));
}

static int spawn_holder(int fd, int pipe_fd)
{
	char number[12], pipe_number[12];
	char *argv[] = {(char *)myself, "hold", number, pipe_number, NULL};
	pid_t pid;

	snprintf(number, sizeof(number), "%d", fd);
	snprintf(pipe_number, sizeof(pipe_number), "%d", pipe_fd);
	unsetenv("LD_PRELOAD");
	if (posix_spawn(&pid, myself, NULL, NULL, argv, environ))
		errx(1, "posix_spawn");
	return pid;
}

/* Close-on-exec is off just for the moment in which a child is spawned. */
static void inherited_by_ioctl(char **args)
{
	int fds[2], turn[2], pid;

	(void)args;
	tcp_pair_with(fds, SOCK_CLOEXEC);
	leave_unread(fds);
	if (pipe(turn))
		err(1, "pipe");
	fcntl(turn[1], F_SETFD, FD_CLOEXEC);
	ioctl(fds[0], FIONCLEX);
	pid = spawn_holder(fds[0], turn[0]);
	ioctl(fds[0], FIOCLEX);
	close(fds[0]);
	close(turn[1]);
	waitpid(pid, NULL, 0);
}

/* File actions are older than the socket that they give away: its number was another one's. */
static void spawned_by_old_actions(char **args)
{
	int fds[2], turn[2], number;
	char target[12] = "99", pipe_number[12];
	char *argv[] = {(char *)myself, "hold", target, pipe_number, NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;

	(void)args;
	if (pipe(turn))
		err(1, "pipe");
	fcntl(turn[1], F_SETFD, FD_CLOEXEC);
	tcp_pair_with(fds, SOCK_CLOEXEC);
	number = fds[0];
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, number, atoi(target));
	close(fds[1]);
	close(fds[0]);
	tcp_pair_with(fds, SOCK_CLOEXEC);
	if (fds[0] != number)
		errx(1, "the number %d was not used again", number);
	leave_unread(fds);
	snprintf(pipe_number, sizeof(pipe_number), "%d", turn[0]);
	unsetenv("LD_PRELOAD");
	if (posix_spawn(&pid, myself, &actions, NULL, argv, environ))
		errx(1, "posix_spawn");
	close(fds[0]);
	close(turn[1]);
	waitpid(pid, NULL, 0);
}

/* The child of vfork has a table of its own: what it does to the number changes nothing here. */
static void dup2_in_a_vfork_child(char **args)
{
	int fds[2], pipe_fds[2];
	pid_t pid;

	(void)args;
	unread_pair(fds);
	if (pipe(pipe_fds))
		err(1, "pipe");
	pid = vfork();
	if (pid == 0) {
		dup2(pipe_fds[0], fds[0]);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	say("close", close(fds[0]));
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {{"dup", dup_by_syscall}, {"fcntl", fcntl_by_syscall},
		{"unshare", thread_with_its_own_table}, {"rights", rights_by_syscall},
		{"freopen", rights_over_a_stale_number}, {"hold", hold},
		{"fionclex", inherited_by_ioctl}, {"actions", spawned_by_old_actions},
		{"vfork", dup2_in_a_vfork_child}};

	(void)argc;
	myself = argv[0];
	return attack(argv, table, sizeof(table) / sizeof(*table));
}
