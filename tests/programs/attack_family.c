/* SPDX-License-Identifier: MIT */
/*
 * A socket with unread data is closed while a process of the same family holds it, who came by it in a
 * way that a count of holders could miss. He must still read its bytes, and send.
 * usage: attack_family CASE
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <wordexp.h>

#include "victim.h"

static const char *myself;
static int turn[2]; /* its writing end is closed when it is time */

static void use_as_holder(int fd)
{
	char bytes[32];

	say("the holder reads", recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT));
	say("the holder sends", send(fd, "x", 1, MSG_NOSIGNAL));
}

static void hold(char **args)
{
	char byte;

	if (read(atoi(args[1]), &byte, 1) == 0)
		use_as_holder(atoi(args[0]));
}

static void hold_here(int fd)
{
	char byte;

	close(turn[1]);
	if (read(turn[0], &byte, 1) == 0)
		use_as_holder(fd);
	_exit(0);
}

static void exec_holder(int fd)
{
	static char number[12], turn_number[12]; /* a vfork child fills them in */

	snprintf(number, sizeof(number), "%d", fd);
	snprintf(turn_number, sizeof(turn_number), "%d", turn[0]);
	execl(myself, myself, "hold", number, turn_number, NULL);
	_exit(127);
}

/* The parent's part: it closes, and then it is the holder's turn. */
static void close_and_wait(int fd)
{
	close(fd);
	close(turn[1]);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

static void prepare(int fds[2], int flags)
{
	tcp_pair_with(fds, flags);
	leave_unread(fds);
	if (pipe(turn))
		err(1, "pipe");
	fcntl(turn[1], F_SETFD, FD_CLOEXEC);
}

static void child(char **args)
{
	int fds[2];

	(void)args;
	prepare(fds, 0);
	if (fork() == 0)
		hold_here(fds[0]);
	close_and_wait(fds[0]);
}

/* The child between them ends in an orderly way. */
static void grandchild(char **args)
{
	int fds[2];
	pid_t pid;

	(void)args;
	prepare(fds, SOCK_CLOEXEC);
	pid = fork();
	if (pid == 0) {
		if (fork() == 0)
			hold_here(fds[0]);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	close(fds[0]);
	close(turn[1]);
	usleep(100000); /* for the grandchild, which is not ours */
}

/* Killed: he cannot say that he holds it no more. What the peer gets is not to be changed. */
static void killed(char **args)
{
	char byte;
	int fds[2];
	pid_t pid;

	(void)args;
	prepare(fds, 0);
	pid = fork();
	if (pid == 0)
		pause();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	say("close", close(fds[0]));
	say("the peer reads", recv(fds[1], &byte, 1, 0));
}

static void duplicate_of_a_child(char **args)
{
	int fds[2], other;

	(void)args;
	prepare(fds, 0);
	if (fork() == 0) {
		other = fcntl(fds[0], F_DUPFD, 0);
		close(fds[0]);
		hold_here(other);
	}
	usleep(20000);
	close_and_wait(fds[0]);
}

/* A program that a child executes inherits it. */
static void executed_by_a_child(char **args)
{
	int fds[2];
	pid_t pid;

	(void)args;
	prepare(fds, 0);
	pid = fork();
	if (pid == 0)
		exec_holder(fds[0]);
	close_and_wait(fds[0]);
}

static void exec_that_fails(char **args)
{
	int fds[2];

	(void)args;
	prepare(fds, SOCK_CLOEXEC);
	if (fork() == 0) {
		execl("/nonexistent/program", "program", NULL);
		hold_here(fds[0]);
	}
	usleep(20000);
	close_and_wait(fds[0]);
}

/* HOW: what the child of vfork does to a close-on-exec socket before it executes. */
static void vfork_child(char **args)
{
	int fds[2], fd;
	pid_t pid;

	prepare(fds, SOCK_CLOEXEC);
	fd = fds[0];
	pid = vfork();
	if (pid == 0) {
		if (!strcmp(args[0], "dup2"))
			fd = dup2(fds[0], 0);
		else if (!strcmp(args[0], "fcntl"))
			fcntl(fd, F_SETFD, 0);
		else
			ioctl(fd, FIONCLEX);
		exec_holder(fd);
	}
	close_and_wait(fds[0]);
}

/* It reads the output of its command to the end: the holder's goes elsewhere. */
static void expand(const char *command)
{
	char words[400];
	wordexp_t to;

	dup2(STDOUT_FILENO, 9);
	snprintf(words, sizeof(words), "$(%s >&9 &)", command);
	if (wordexp(words, &to, WRDE_SHOWERR))
		errx(1, "wordexp");
	wordfree(&to);
}

/* HOW: system, popen or wordexp; the shell's child inherits it. */
static void shell(char **args)
{
	char command[300];
	FILE *stream = NULL;
	int fds[2];

	prepare(fds, 0);
	unsetenv("LD_PRELOAD");
	snprintf(command, sizeof(command), "exec %s hold %d %d", myself, fds[0], turn[0]);
	if (!strcmp(args[0], "popen")) {
		stream = popen(command, "w");
	} else if (!strcmp(args[0], "wordexp")) {
		expand(command);
	} else {
		strcat(command, " &");
		if (system(command))
			err(1, "system");
	}
	close(fds[0]);
	close(turn[1]);
	if (stream)
		pclose(stream);
	usleep(100000); /* for what the shell has left behind */
}

/* From the filter on the shim sees nothing of the child. */
static void child_in_a_sandbox(char **args)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog all = {1, &allow};
	int fds[2], other;
	pid_t pid;

	(void)args;
	prepare(fds, 0);
	pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
			prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all))
			err(1, "seccomp");
		other = dup(fds[0]);
		if (fork() == 0)
			hold_here(other);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	close(fds[0]);
	close(turn[1]);
	usleep(100000);
}

/* A number that a vfork child, or a spawned one, has closed is its parent's all the same. */
static void closed_by_a_vfork_child(char **args)
{
	int fds[2];
	pid_t pid;

	(void)args;
	prepare(fds, 0);
	if (fork() == 0)
		hold_here(fds[0]); /* now its holders are counted */
	pid = vfork();
	if (pid == 0) {
		close(fds[0]);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	close_and_wait(fds[0]);
}

/* dup2 that fails has closed nothing. */
static void failing_dup2(char **args)
{
	int fds[2];

	(void)args;
	prepare(fds, 0);
	if (fork() == 0) {
		say("dup2", dup2(9999, fds[0]));
		hold_here(fds[0]);
	}
	usleep(20000);
	close_and_wait(fds[0]);
}

/* HOW: "syscall", or libc's function. The child made it, and is never asked. */
static void taken_by_pidfd(char **args)
{
	int fds[2], numbers[2], pidfd, fd, by_syscall = !strcmp(args[0], "syscall");
	char byte;
	pid_t pid;

	if (pipe(turn) || pipe(numbers))
		err(1, "pipe");
	pid = fork();
	if (pid == 0) {
		unread_pair(fds);
		if (write(numbers[1], &fds[0], sizeof(int)) != sizeof(int))
			err(1, "write");
		close(turn[1]);
		if (read(turn[0], &byte, 1) == 0)
			close(fds[0]);
		pause(); /* its other end stays */
	}
	if (read(numbers[0], &fd, sizeof(int)) != sizeof(int))
		err(1, "read");
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	fd = by_syscall ? (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0) : pidfd_getfd(pidfd, fd, 0);
	if (fd < 0)
		err(1, "pidfd_getfd");
	close(turn[1]);
	usleep(50000);
	use_as_holder(fd);
	kill(pid, SIGKILL);
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {{"child", child}, {"grandchild", grandchild},
		{"killed", killed}, {"dup", duplicate_of_a_child}, {"exec", executed_by_a_child},
		{"exec-fails", exec_that_fails}, {"vfork", vfork_child}, {"shell", shell},
		{"sandbox", child_in_a_sandbox}, {"vfork-closes", closed_by_a_vfork_child},
		{"dup2-fails", failing_dup2}, {"pidfd", taken_by_pidfd}, {"hold", hold}};

	(void)argc;
	myself = argv[0];
	return attack(argv, table, sizeof(table) / sizeof(*table));
}
