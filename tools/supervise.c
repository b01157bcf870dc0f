/* SPDX-License-Identifier: MIT */
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int passed_on[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH};

static void fill(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		sigaddset(set, passed_on[i]);
}

/* What the command is to have as this process had it. */
struct dispositions {
	sigset_t mask;
	struct sigaction child;
};

/* A pipe that closes when the command runs, or tells why it does not. */
static pid_t start(char *const command[], const struct dispositions *as, int tell[2])
{
	pid_t child = fork();
	int error;

	if (child != 0)
		return child;
	sigaction(SIGCHLD, &as->child, NULL);
	sigprocmask(SIG_SETMASK, &as->mask, NULL);
	execvp(command[0], command);
	error = errno;
	if (write(tell[1], &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/* Reaps what has ended. True when the command itself has. */
static bool reap(struct supervised *s, pid_t command)
{
	bool ended = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != command)
			continue;
		if (WIFSTOPPED(status)) { /* a shell waits for this process to stop */
			raise(SIGSTOP);
			continue;
		}
		s->status = status;
		ended = true;
	}
	return ended;
}

/* The terminal has sent its signals to the command as well. */
static void pass_on(const siginfo_t *info, pid_t command)
{
	if (info->si_code != SI_KERNEL || info->si_signo == SIGCONT)
		kill(command, info->si_signo);
}

static void wait_for_command(struct supervised *s, pid_t command, const sigset_t *set)
{
	siginfo_t info;

	for (;;) {
		if (sigwaitinfo(set, &info) < 0)
			continue;
		if (info.si_signo != SIGCHLD)
			pass_on(&info, command);
		else if (reap(s, command))
			return;
	}
}

static bool any_left(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		;
	return pid == 0;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A signal ends the wait: who sends it does not mean what was left behind. */
static void wait_for_rest(struct supervised *s, const sigset_t *set, unsigned grace_ms)
{
	long end = now_ms() + (long)grace_ms, left;

	while ((s->left = any_left()) && (left = end - now_ms()) > 0) {
		struct timespec wait = {left / 1000, left % 1000 * 1000000};
		int signal = sigtimedwait(set, NULL, &wait);

		if (signal > 0 && signal != SIGCHLD && signal != SIGWINCH)
			return;
	}
}

bool supervise(struct supervised *s, char *const command[], unsigned grace_ms)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};
	struct dispositions before;
	sigset_t set;
	int tell[2];
	pid_t child;

	*s = (struct supervised){.error = 0};
	fill(&set);
	if (pipe2(tell, O_CLOEXEC) != 0)
		return false;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	sigprocmask(SIG_BLOCK, &set, &before.mask);
	/* Ignored, nothing could be waited for. Before the fork: it throws away what is pending. */
	sigaction(SIGCHLD, &plain, &before.child);
	child = start(command, &before, tell);
	close(tell[1]);
	if (child < 0)
		return false;
	if (read(tell[0], &s->error, sizeof(s->error)) != sizeof(s->error))
		s->error = 0;
	close(tell[0]);
	wait_for_command(s, child, &set);
	wait_for_rest(s, &set, grace_ms);
	sigprocmask(SIG_SETMASK, &before.mask, NULL);
	return true;
}

/* Without a core: the command has left its own. */
int supervise_end_alike(const struct supervised *s)
{
	const struct rlimit no_core = {0, 0};
	struct sigaction plain = {.sa_handler = SIG_DFL};
	sigset_t one;

	if (!WIFSIGNALED(s->status))
		return WEXITSTATUS(s->status);
	setrlimit(RLIMIT_CORE, &no_core);
	sigaction(WTERMSIG(s->status), &plain, NULL);
	sigemptyset(&one);
	sigaddset(&one, WTERMSIG(s->status));
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	raise(WTERMSIG(s->status));
	return 128 + WTERMSIG(s->status);
}
