/* SPDX-License-Identifier: MIT */
/*
 * Cancellation, locks of the loader that a fork leaves behind, and small signal stacks.
 * usage: attack_threads CASE
 */
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victim.h"

enum { STACK = 8192, BELOW = 32768, PATTERN = 0x5a };

/* --- cancellation --- */

static void cancel_myself(void)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_cancel(pthread_self());
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
}

static void send_on(void *fd)
{
	say("the cleanup handler sends", send(*(int *)fd, "bye", 3, MSG_NOSIGNAL));
}

static void *close_when_cancelled(void *fd)
{
	pthread_cleanup_push(send_on, fd);
	cancel_myself();
	close(*(int *)fd);
	pthread_cleanup_pop(0);
	return NULL;
}

static void *close_by_syscall_when_cancelled(void *fd)
{
	cancel_myself();
	syscall(SYS_close, *(int *)fd);
	return NULL;
}

static void run_cancelled(void *(*function)(void *))
{
	pthread_t thread;
	void *result;
	int fds[2];

	unread_pair(fds);
	pthread_create(&thread, NULL, function, &fds[0]);
	pthread_join(thread, &result);
	say("cancelled", result == PTHREAD_CANCELED);
}

static void cancelled_at_close(char **args)
{
	(void)args;
	run_cancelled(close_when_cancelled);
}

static void cancelled_around_syscall(char **args)
{
	(void)args;
	run_cancelled(close_by_syscall_when_cancelled);
}

static void *sleep_in_system(void *unused)
{
	(void)unused;
	if (system("exec sleep 5") < 0)
		warn("system");
	return NULL;
}

/* What comes after a system() that was cancelled is a close as any other. */
static void cancelled_system(char **args)
{
	pthread_t thread;
	void *result;

	(void)args;
	pthread_create(&thread, NULL, sleep_in_system, NULL);
	usleep(200000);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	say("cancelled", result == PTHREAD_CANCELED);
	reset_one();
}

static void *close_given(void *fd)
{
	close(*(int *)fd);
	return NULL;
}

/* The peer stays: in fix the close lingers when the cancellation comes. */
static void cancelled_while_closing(char **args)
{
	pthread_t thread;
	int fds[2];

	(void)args;
	unread_pair(fds);
	pthread_create(&thread, NULL, close_given, &fds[0]);
	usleep(100000);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	say("still open", fcntl(fds[0], F_GETFD) >= 0);
}

static void *lock_when_cancelled(void *file)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	cancel_myself();
	syscall(SYS_fcntl, fileno(file), F_SETLKW, &lock);
	return NULL;
}

static void cancelled_around_fcntl(char **args)
{
	FILE *file = tmpfile();
	pthread_t thread;
	void *result;

	(void)args;
	pthread_create(&thread, NULL, lock_when_cancelled, file);
	pthread_join(thread, &result);
	say("cancelled", result == PTHREAD_CANCELED);
	fclose(file);
}

/* --- locks --- */

static sem_t inside, leave;

static int sit(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)info;
	(void)size;
	(void)unused;
	sem_post(&inside);
	sem_wait(&leave);
	return 1;
}

static void *hold_loader_lock(void *unused)
{
	dl_iterate_phdr(sit, unused);
	return NULL;
}

/* In the child the lock is held by a thread that does not exist there. */
static void fork_under_the_loader_lock(char **args)
{
	pthread_t thread;
	int status;
	pid_t pid;

	(void)args;
	sem_init(&inside, 0, 0);
	sem_init(&leave, 0, 0);
	pthread_create(&thread, NULL, hold_loader_lock, NULL);
	sem_wait(&inside);
	pid = fork();
	if (pid == 0) {
		alarm(8);
		reset_one();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	say("the child ended with", status);
	sem_post(&leave);
	pthread_join(thread, NULL);
}

/* --- signals --- */

static int to_close;

static void close_it(int number)
{
	(void)number;
	close(to_close);
}

static void small_signal_stack(char **args)
{
	stack_t stack = {.ss_size = STACK};
	struct sigaction action = {.sa_handler = close_it, .sa_flags = SA_ONSTACK};
	unsigned char *memory = mmap(
		NULL, BELOW + STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long overwritten = 0;
	int fds[2];

	(void)args;
	if (memory == MAP_FAILED)
		err(1, "mmap");
	memset(memory, PATTERN, BELOW);
	stack.ss_sp = memory + BELOW;
	unread_pair(fds);
	to_close = fds[0];
	close(fds[1]);
	if (sigaltstack(&stack, NULL) || sigaction(SIGUSR1, &action, NULL))
		err(1, "sigaltstack");
	raise(SIGUSR1);
	for (int i = 0; i < BELOW; i++)
		overwritten += memory[i] != PATTERN;
	say("bytes overwritten", overwritten);
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {{"close", cancelled_at_close},
		{"syscall", cancelled_around_syscall}, {"system", cancelled_system},
		{"while-closing", cancelled_while_closing}, {"fcntl", cancelled_around_fcntl},
		{"fork", fork_under_the_loader_lock}, {"signal-stack", small_signal_stack}};

	(void)argc;
	return attack(argv, table, sizeof(table) / sizeof(*table));
}
