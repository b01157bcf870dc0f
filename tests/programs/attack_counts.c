/* SPDX-License-Identifier: MIT */
/*
 * A socket with unread data is closed while a child still uses it: one that is just ending or executing,
 * or that sees another one of the family end. He must still read its bytes, and send.
 * usage: attack_counts CASE
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victim.h"

enum { FOLDERS = 40000 }; /* in which an exec looks: some 40 ms */

static int fds[2];

static void prepare(int flags)
{
	tcp_pair_with(fds, flags);
	leave_unread(fds);
}

static void use_as_holder(void)
{
	char bytes[32];

	say("the holder reads", recv(fds[0], bytes, sizeof(bytes), MSG_DONTWAIT));
	say("the holder sends", send(fds[0], "x", 1, MSG_NOSIGNAL));
}

static pid_t hold_for(unsigned ms)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	usleep(ms * 1000);
	use_as_holder();
	_exit(0);
}

static void close_and_wait(void)
{
	close(fds[0]);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

/* --- a child that ends --- */

/* libc's flush at the exit will block; the reading end of the pipe. */
static int block_stdout(void)
{
	static char bytes[4096];
	int ends[2];

	if (pipe(ends) || fcntl(ends[1], F_SETFL, O_NONBLOCK))
		err(1, "pipe");
	while (write(ends[1], bytes, sizeof(bytes)) > 0)
		;
	fcntl(ends[1], F_SETFL, 0);
	dup2(ends[1], 1);
	close(ends[1]);
	printf("the last words\n");
	return ends[0];
}

static void end_at_once(int number)
{
	(void)number;
	_exit(0);
}

static void exit_and_end_in_a_handler(char **args)
{
	pid_t pid;

	(void)args;
	prepare(0);
	pid = fork();
	if (pid == 0) {
		block_stdout();
		signal(SIGALRM, end_at_once);
		ualarm(50000, 0);
		exit(0);
	}
	hold_for(200);
	waitpid(pid, NULL, 0);
	close_and_wait();
}

static int words; /* standard output, which the child's exit does not block */

/* Not by stdio, whose locks that exit holds. */
static void *serve_until_the_end(void *arg)
{
	char bytes[32], text[100];
	ssize_t got, sent;

	(void)arg;
	usleep(150000);
	got = recv(fds[0], bytes, sizeof(bytes), MSG_DONTWAIT);
	sent = send(fds[0], "x", 1, MSG_NOSIGNAL);
	snprintf(text, sizeof(text), "the holder reads: %zd\nthe holder sends: %zd\n", got, sent);
	if (write(words, text, strlen(text)) < 0)
		_exit(1);
	_exit(0);
}

static void exit_beside_a_thread(char **args)
{
	pthread_t thread;

	(void)args;
	prepare(0);
	if (fork() == 0) {
		words = dup(1);
		block_stdout();
		pthread_create(&thread, NULL, serve_until_the_end, NULL);
		exit(0);
	}
	usleep(70000);
	close_and_wait();
}

/* --- a child that executes --- */

static void search_long(void)
{
	static char path[FOLDERS * 5];

	while (strlen(path) < sizeof(path) - 6)
		strcat(path + strlen(path), "/nox:");
	path[strlen(path) - 1] = 0;
	setenv("PATH", path, 1);
}

static void *execute_what_is_nowhere(void *arg)
{
	execlp("no-such-program", "program", NULL);
	return arg;
}

static void exec_that_searches_and_fails(char **args)
{
	(void)args;
	prepare(SOCK_CLOEXEC);
	search_long();
	if (fork() == 0) {
		execute_what_is_nowhere(NULL);
		use_as_holder();
		_exit(0);
	}
	usleep(5000);
	close_and_wait();
}

/* Its other thread closes the child's copy meanwhile; the parent is the holder. */
static void exec_beside_a_close(char **args)
{
	pthread_t thread;
	pid_t pid;

	(void)args;
	prepare(SOCK_CLOEXEC);
	search_long();
	pid = fork();
	if (pid == 0) {
		pthread_create(&thread, NULL, execute_what_is_nowhere, NULL);
		usleep(5000);
		close(fds[0]);
		pthread_join(thread, NULL);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	use_as_holder();
}

static void close_it(int number)
{
	(void)number;
	close(fds[0]);
}

/* The same in a handler, of a process with one thread. */
static void exec_closed_in_a_handler(char **args)
{
	pid_t pid;

	(void)args;
	prepare(SOCK_CLOEXEC);
	search_long();
	pid = fork();
	if (pid == 0) {
		signal(SIGALRM, close_it);
		ualarm(5000, 0);
		execute_what_is_nowhere(NULL);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	use_as_holder();
}

/* --- a child that no door has made --- */

/* As programs do it that keep their system calls to themselves. */
static pid_t fork_inline(void)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = 0, r8 __asm__("r8") = 0;
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "0"(SYS_clone), "D"(SIGCHLD), "S"(0), "d"(0), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return (pid_t)r;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = SYS_clone, x0 __asm__("x0") = SIGCHLD,
			 x1 __asm__("x1") = 0, x2 __asm__("x2") = 0, x3 __asm__("x3") = 0,
			 x4 __asm__("x4") = 0;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return (pid_t)x0;
#endif
}

static void uncounted_child_closes(char **args)
{
	pid_t pid;

	(void)args;
	prepare(0);
	hold_for(200);
	pid = fork_inline();
	if (pid == 0) {
		close(fds[0]);
		pause();
	}
	usleep(50000);
	close(fds[0]);
	usleep(300000);
	kill(pid, SIGKILL);
	close_and_wait();
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {{"exit-handler", exit_and_end_in_a_handler},
		{"exit-thread", exit_beside_a_thread},
		{"exec-search", exec_that_searches_and_fails}, {"exec-close", exec_beside_a_close},
		{"exec-handler", exec_closed_in_a_handler}, {"inline", uncounted_child_closes}};

	(void)argc;
	return attack(argv, table, sizeof(table) / sizeof(*table));
}
