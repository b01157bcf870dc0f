/* SPDX-License-Identifier: MIT */
/* Clients whose children end, and that execute other programs, or try to. */
#include "ends.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;

static void end_child(unsigned turn, int fd)
{
	char *argv[] = {(char[]){"true"}, NULL};

	switch (turn % 6) {
	case 0:
		exit(0);
	case 1:
		_exit(0);
	case 2:
		quick_exit(0);
	case 3:
		syscall(SYS_exit_group, 0);
		break;
	case 4:
		execvp("true", argv);
		break;
	default:
		fcntl(fd, F_SETFD, 0);
		execv("/bin/true", argv);
	}
	_exit(1);
}

/* Their ends are none of the connection's business, which then goes on. */
static void children(char **args)
{
	int fd = ask(args[0]), status;
	char byte;

	for (unsigned turn = 0; turn < 12; turn++) {
		pid_t pid = fork();

		if (pid == 0)
			end_child(turn, fd);
		if (waitpid(pid, &status, 0) != pid || status)
			errx(1, "a child failed");
	}
	put(fd, LARGE);
	if (read(fd, &byte, 1) != 1)
		err(1, "read");
	close(fd);
}

static void make(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd))
		err(1, "%s", path);
}

/* None of them comes about, and the connection goes on. */
static void exec_fails(char **args)
{
	char *argv[] = {(char[]){"x"}, NULL}, *volatile wild = (char *)8, byte;
	int fd = ask(args[0]);

	make("no-format", "what is this", 0755);
	make("no-interpreter", "#!/no/such/interpreter -x\n", 0755);
	make("no-permission", "#!/bin/sh\n", 0644);
	say("missing", execv("/no/such/program", argv));
	say("searched", execvp("no-such-program", argv));
	say("searched, empty", execvp("", argv));
	say("directory", execv("/", argv));
	say("no format", execv("./no-format", argv));
	say("no interpreter", execv("./no-interpreter", argv));
	say("no permission", execv("./no-permission", argv));
	say("wild", execve(wild, argv, environ));
	say("wild arguments", execve("/bin/true", (void *)wild, environ));
	say("by fd", fexecve(fd, argv, environ));
	say("at", (int)syscall(SYS_execveat, fd, "", argv, environ, 0));
	put(fd, LARGE);
	if (read(fd, &byte, 1) != 1)
		err(1, "read");
	close(fd);
}

static void exec_script(char **args)
{
	char *argv[] = {(char[]){"script"}, NULL};

	make("script", "#! /bin/sh -e\nexit 0\n", 0755);
	put(ask(args[0]), LARGE);
	setenv("PATH", "/no/such:.:/bin", 1);
	execvp("script", argv);
	err(1, "execvp");
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {
		{"children", children},
		{"exec-fails", exec_fails},
		{"exec-script", exec_script},
	};

	return end_somehow(argc, argv, table, sizeof(table) / sizeof(table[0]));
}
