/* SPDX-License-Identifier: MIT */
/* Clients whose children end, and that execute other programs, or try to. */
#include "ends.h"

#include <elf.h>
#include <fcntl.h>
#include <stddef.h>
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

/* Of the machine's own class and kind, and no program. */
static void make_object(const char *path)
{
	Elf64_Ehdr e = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				EV_CURRENT},
		.e_type = ET_REL,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(e)};
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), fd;
	char rest[64] = "";

	if (pread(self, &e.e_machine, sizeof(e.e_machine), offsetof(Elf64_Ehdr, e_machine)) != 2)
		err(1, "pread");
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (write(fd, &e, sizeof(e)) != sizeof(e) || write(fd, rest, sizeof(rest)) != sizeof(rest))
		err(1, "%s", path);
	close(fd);
	close(self);
}

static void make_scripts(void)
{
	char path[12], line[32];

	make_object("object");
	make("by-object", "#!./object\n", 0755);
	make("by-directory", "#!/tmp\n", 0755);
	make("script", "#!/bin/sh\n", 0755);
	make("turn-0", "#!/bin/true\n", 0755);
	for (int i = 1; i <= 6; i++) {
		snprintf(path, sizeof(path), "turn-%d", i);
		snprintf(line, sizeof(line), "#!./turn-%d\n", i - 1);
		make(path, line, 0755);
	}
}

/* What the kernel refuses only when it looks at the file, or never does. */
static void exec_fails_late(char **args)
{
	char *argv[] = {(char[]){"true"}, NULL}, byte;
	int fd = ask(args[0]), dir, script;

	make_scripts();
	dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	script = open("script", O_RDONLY | O_CLOEXEC);
	syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, environ, 0x10000 /* AT_EXECVE_CHECK */);
	say("script by fd", fexecve(script, argv, environ));
	say("script in a folder", (int)syscall(SYS_execveat, dir, "script", argv, environ, 0));
	say("object", execv("./object", argv));
	say("by an object", execv("./by-object", argv));
	say("by a directory", execv("./by-directory", argv));
	say("searched, by a directory", execvp("./by-directory", argv));
	say("too many interpreters", execv("./turn-6", argv));
	put(fd, LARGE);
	if (read(fd, &byte, 1) != 1)
		err(1, "read");
	close(fd);
}

/* As many interpreters as the kernel follows. */
static void exec_chain(char **args)
{
	char *argv[] = {(char[]){"true"}, NULL};

	make_scripts();
	put(ask(args[0]), LARGE);
	execv("./turn-4", argv);
	err(1, "execv");
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
		{"exec-fails-late", exec_fails_late},
		{"exec-chain", exec_chain},
		{"exec-script", exec_script},
	};

	return end_somehow(argc, argv, table, sizeof(table) / sizeof(table[0]));
}
