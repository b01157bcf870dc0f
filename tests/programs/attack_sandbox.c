/* SPDX-License-Identifier: MIT */
/*
 * Filters that kill for a system call that the program itself never makes.
 * usage: attack_sandbox CASE
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victim.h"

static const char *myself;

static long answer(unsigned number, unsigned with, unsigned flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, with),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {sizeof(code) / sizeof(*code), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err(1, "PR_SET_NO_NEW_PRIVS");
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
}

static long forbid(unsigned number, unsigned flags)
{
	return answer(number, SECCOMP_RET_KILL_PROCESS, flags);
}

static void *close_it(void *fd)
{
	close(*(int *)fd);
	return NULL;
}

/* The filter is put on a thread as well that is just inside close(). */
static void filter_on_all_threads(char **args)
{
	pthread_t thread;
	int fds[2];

	(void)args;
	unread_pair(fds);
	pthread_create(&thread, NULL, close_it, &fds[0]);
	usleep(300000);
	say("seccomp", forbid(SYS_ppoll, SECCOMP_FILTER_FLAG_TSYNC));
	usleep(300000);
	close(fds[1]);
	pthread_join(thread, NULL);
	puts("alive");
}

static unsigned number_of(const char *name)
{
	return !name				     ? SYS_getsockopt
		: !strcmp(name, "fallocate")	     ? SYS_fallocate
		: !strcmp(name, "process_vm_writev") ? SYS_process_vm_writev
						     : SYS_getsockopt;
}

/* The program proper comes by exec, under a filter that it knows nothing of. [SYSTEM-CALL [PROGRAM ...]] */
static void inherited_filter(char **args)
{
	if (forbid(number_of(args[0]), 0))
		err(1, "seccomp");
	if (args[0] && args[1])
		execv(args[1], args + 1);
	execl(myself, myself, "close", (char *)NULL);
	err(1, "exec");
}

/* The exit status of one that closes, and of which nobody hears. `library` is preloaded, if there is one. */
static int closes_under(unsigned number, const char *library)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (library)
			setenv("LD_PRELOAD", library, 1);
		dup2(open("/dev/null", O_RDWR), STDOUT_FILENO);
		dup2(STDOUT_FILENO, STDERR_FILENO);
		if (forbid(number, 0) == 0)
			execl(myself, myself, "close", (char *)NULL);
		_exit(1);
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* For every system call a filter that kills for it: the library must not make what the program does not. */
static void every_inherited_filter(char **args)
{
	for (unsigned n = 0; n < 470; n++) {
		if (n == SYS_clone ||
			n == SYS_wait4) /* by which it is tried whether a filter kills */
			continue;
		if (closes_under(n, args[0]) != 0 && closes_under(n, NULL) == 0)
			printf("killed for system call %u\n", n);
	}
	puts("alive");
}

static void inherited_execveat(char **args)
{
	(void)args;
	if (forbid(SYS_execveat, 0))
		err(1, "seccomp");
	execl(myself, myself, "exec", (char *)NULL);
	err(1, "exec");
}

static void exec_unread(char **args)
{
	int fds[2];

	(void)args;
	tcp_pair_with(fds, SOCK_CLOEXEC);
	leave_unread(fds);
	execlp("echo", "echo", "alive", (char *)NULL);
	err(1, "exec");
}

/* Every exec of libc's comes to nothing from here on; execveat() does not. */
static void inherited_execve(char **args)
{
	char *argv[] = {(char *)myself, (char[]){"exec-denied"}, NULL};

	(void)args;
	if (answer(SYS_execve, SECCOMP_RET_ERRNO | EPERM, 0))
		err(1, "seccomp");
	syscall(SYS_execveat, AT_FDCWD, myself, argv, environ, 0);
	err(1, "execveat");
}

static void exec_denied(char **args)
{
	char *argv[] = {(char[]){"true"}, NULL};
	int fds[2];

	(void)args;
	tcp_pair_with(fds, SOCK_CLOEXEC);
	leave_unread(fds);
	say("execv", execv("/bin/true", argv));
	say("execvp", execvp("true", argv));
	say("syscall", (int)syscall(SYS_execve, "/bin/true", argv, environ));
	use_up(fds);
}

/* What the kernel knows is asked for without a filter. */
static void ask(char **args)
{
	int fds[2];

	(void)args;
	unread_pair(fds);
	shutdown(fds[1], SHUT_WR);
	say("prctl", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL));
	say("prctl", (int)syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL));
	say("prctl", prctl(PR_SET_SECCOMP, 99, NULL));
	say("seccomp", (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL));
	close(fds[0]);
	close(fds[1]);
}

static void close_unread(char **args)
{
	int fds[2];

	(void)args;
	unread_pair(fds);
	say("close", close(fds[0]));
	puts("alive");
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {{"all-threads", filter_on_all_threads},
		{"inherited", inherited_filter}, {"every", every_inherited_filter},
		{"inherited-execveat", inherited_execveat}, {"close", close_unread},
		{"exec", exec_unread}, {"inherited-execve", inherited_execve},
		{"exec-denied", exec_denied}, {"ask", ask}};

	(void)argc;
	myself = argv[0];
	return attack(argv, table, sizeof(table) / sizeof(*table));
}
