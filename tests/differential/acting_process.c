/* SPDX-License-Identifier: MIT */
#include "acting.h"
#include "base/sys.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

const char *acting_path; /* of the page, for a program that is executed anew */

static pthread_t thread;

static int reaped(pid_t pid)
{
	int status = 0;

	return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static int fork_child(struct acting *a)
{
	enum actor child = (enum actor)acting_value(a, 0);
	struct lockstep *l = a->l;
	pid_t pid;

	if (l->alive[child] || child == a->me)
		return ACTING_WOULD_WAIT;
	for (int i = 0; i < SLOTS; i++)
		l->slots[child][i] = a->slots[i];
	l->parent[child] = (int)lockstep_process(a->me);
	l->alive[child] = 1;
	pid = fork();
	if (pid == 0) {
		actor_run(l, child);
		_exit(0);
	}
	l->pid[child] = pid;
	l->alive[child] = pid > 0;
	return pid > 0;
}

static void be_true(void)
{
	char *const argv[] = {"true", NULL};

	execv("/bin/true", argv);
	_exit(127);
}

/* The child is in this function until it ends: after vfork() nothing else would be allowed. */
static int vfork_child(int by, int fd, int to)
{
	pid_t pid = vfork();

	if (pid == 0) {
		if (by == 1 || by == 2)
			close(fd);
		if (by == 3)
			dup2(fd, to < 0 ? fd : to);
		if (by == 1)
			_exit(3);
		be_true();
	}
	return reaped(pid);
}

static int spawn_popen(void)
{
	FILE *f = popen("exit 3", "r");

	return f ? pclose(f) : -1;
}

static int spawn(struct acting *a)
{
	char *const argv[] = {"true", NULL};
	int by = acting_value(a, 0);
	pid_t pid = -1;

	if (by < 4)
		return vfork_child(by, acting_fd(a, 1), acting_fd(a, 2));
	if (by == 7)
		return system("exit 3");
	if (by == 8)
		return spawn_popen();
	if (by == 4)
		return posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) == 0 ? reaped(pid)
										      : -1;
	pid = fork();
	if (pid != 0)
		return reaped(pid);
	if (by == 5)
		be_true();
	close(acting_fd(a, 1));
	_exit(3);
}

static int execute(struct acting *a)
{
	char *const argv[] = {"/proc/self/exe", (char *)acting_path, NULL};

	if (a->me == THREAD)
		return ACTING_WOULD_WAIT;
	if (a->me == MAIN)
		a->l->alive[THREAD] = a->l->waiting = 0;
	a->l->resuming = (int)a->me;
	return execv(argv[0], argv);
}

/*
 * system() blocks SIGCHLD in its own thread: whether a child's end then interrupts the other one,
 * which may be about to wait, is for the scheduler to say.
 */
static void *thread_run(void *l)
{
	sigset_t ended;

	sigemptyset(&ended);
	sigaddset(&ended, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &ended, NULL);
	actor_run(l, THREAD);
	return NULL;
}

static int start_thread(struct acting *a)
{
	if (a->me != MAIN || a->l->alive[THREAD])
		return ACTING_WOULD_WAIT;
	a->l->alive[THREAD] = 1;
	a->l->alive[THREAD] = pthread_create(&thread, NULL, thread_run, a->l) == 0;
	return (int)a->l->alive[THREAD];
}

/* Whoever outlives this one does what is to be done after it: it alone knows when it is gone. */
static void leave(struct acting *a)
{
	enum actor parent = a->me == THREAD ? MAIN : (enum actor)a->l->parent[a->me];
	int status = a->s->arg[1];

	/* Another child may have its name next, and these are not that one's. */
	for (enum actor i = CHILD_A; a->me != THREAD && i < ACTORS; i++)
		if (a->l->parent[i] == (int)a->me)
			a->l->parent[i] = PEER;
	lockstep_give(a->l, a->me != MAIN && a->l->alive[parent] ? parent : PEER);
	if (a->me == THREAD)
		pthread_exit(NULL);
	switch (acting_value(a, 0)) {
	case 1:
		exit(status);
	case 2:
		quick_exit(status);
	case 3:
		syscall(SYS_exit_group, status);
		break;
	default:
		_exit(status);
	}
}

bool acting_process(struct acting *a)
{
	switch (a->s->call) {
	case CALL_FORK:
		a->o->ret = fork_child(a);
		break;
	case CALL_SPAWN:
		a->o->ret = spawn(a);
		break;
	case CALL_EXEC:
		a->o->ret = execute(a);
		break;
	case CALL_THREAD:
		a->o->ret = start_thread(a);
		break;
	case CALL_EXIT:
		leave(a);
		break;
	default:
		return false;
	}
	return true;
}

void acting_reap(struct lockstep *l, enum actor a, struct outcome *o)
{
	l->alive[a] = 0;
	if (a == THREAD)
		pthread_join(thread, NULL);
	else
		o->ret = reaped(l->pid[a]);
	o->done = 1;
}
