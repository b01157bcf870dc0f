/* SPDX-License-Identifier: MIT */
#include "trial.h"

#include "netns.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX      16
#define VICTIM_END_MS  8000
#define TRIAL_LIMIT_MS 20000

/* Keeps the first thing that went wrong; error may be 0. */
static void broken(struct trial_result *r, const char *what, int error)
{
	if (!r->broken[0])
		snprintf(r->broken, sizeof(r->broken), "%s%s%s", what, error ? ": " : "",
			error ? strerror(error) : "");
}

/* The victim must see no setting but those of the trial. */
static void clear_settings(void)
{
	for (char **e = environ; *e;) {
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(*e, "="), *e);
		if (strncmp(name, "RSTFIX_", 7) == 0 && unsetenv(name) == 0)
			e = environ;
		else
			e++;
	}
	unsetenv("LD_PRELOAD");
}

static void set_environment(const struct trial *t)
{
	clear_settings();
	for (const char *const *e = t->env; e && *e; e++)
		putenv((char *)*e);
	if (t->preload)
		setenv("LD_PRELOAD", t->preload, 1);
	if (t->mode)
		setenv("RSTFIX_MODE", t->mode, 1);
	if (!t->log)
		return;
	setenv("RSTFIX_LOG", t->log, 1);
	setenv("RSTFIX_FORMAT", "json", 1);
}

static int add_words(char **argv, int n, const char *const *words)
{
	for (; words && *words && n < WORDS_MAX; words++)
		argv[n++] = (char *)*words;
	return n;
}

/* In the forked child. */
static void execute_victim(const struct trial *t, int stage_fd)
{
	char number[16];
	char *argv[WORDS_MAX + 4];
	int n = add_words(argv, add_words(argv, 0, t->under), t->command);

	snprintf(number, sizeof(number), "%d", stage_fd);
	argv[n] = (char *)t->victim;
	argv[n + 1] = (char *)t->door;
	argv[n + 2] = number;
	argv[n + 3] = NULL;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_DFL);
	set_environment(t);
	execv(argv[0], argv);
	_exit(127);
}

struct reaping {
	pid_t victim; /* whose status is wanted */
	int status;
};

/* True once no child is left: a victim may have made itself a daemon, which comes to us. */
static bool all_reaped(void *arg)
{
	struct reaping *r = arg;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == r->victim)
			r->status = status;
	}
	return pid < 0 && errno == ECHILD;
}

static void end_victim(struct trial_result *r, const struct stage *s, pid_t victim)
{
	struct reaping reaping = {.victim = victim};

	if (!stage_await_that(all_reaped, &reaping, VICTIM_END_MS)) {
		broken(r, "the victim did not end", 0);
		kill(victim, SIGKILL);
		if (s->pid > 0 && s->pid != victim)
			kill(s->pid, SIGKILL);
		stage_await_that(all_reaped, &reaping, VICTIM_END_MS);
	}
	r->status = reaping.status;
	r->sent = s->sent;
	r->failed = s->failed;
	r->passed_ms = s->passed_ms;
}

static void play(const struct trial *t, struct trial_result *r, struct stage *s, int stage_fd)
{
	const struct peer_script *script = peer_script_for(t->victim);
	struct netns_counters before, after;
	struct peer p;
	bool played;
	pid_t victim;

	s->transport = t->transport;
	if (!peer_prepare(&p, s, script) || !netns_count(&before))
		return broken(r, "the peer could not be prepared", errno);
	victim = fork();
	if (victim == 0)
		execute_victim(t, stage_fd);
	close(stage_fd);
	if (victim < 0)
		return broken(r, "the victim could not be started", errno);
	played = peer_play(&p, script);
	if (!played && p.denied) {
		snprintf(r->skipped, sizeof(r->skipped),
			"the peer may not drop packets: no CAP_NET_ADMIN here");
		kill(victim, SIGKILL); /* it waits for what cannot come */
	} else if (!played)
		broken(r, "the peer waited in vain for the victim", 0);
	end_victim(r, s, victim);
	r->got = p.got;
	r->end = p.end;
	if (!netns_count(&after))
		return broken(r, "the kernel's counters cannot be read", 0);
	r->rsts = after.out_rsts - before.out_rsts;
}

/*
 * One processor for both ends. On two, loopback reorders: the peer's FIN overtakes the bare
 * acknowledgement that went before it, the victim's TIME_WAIT answers that one, and draws a RST out of
 * a peer that is gone already (NO_SOCKET; one trial in a thousand on Linux 6.18).
 */
static void stay_on_one_processor(void)
{
	int cpu = sched_getcpu();
	cpu_set_t one;

	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/* In a process of its own: namespace and children end with it. */
static void run_in_namespace(const struct trial *t, struct trial_result *r)
{
	struct tracer tracer = {0};
	struct stage *s;
	int stage_fd;

	stay_on_one_processor();
	/* Before the namespace: tracing belongs to the initial one. */
	if (t->trace)
		tracer_open(&tracer, false);
	if (netns_enter(r->skipped, sizeof(r->skipped))) {
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		signal(SIGPIPE, SIG_IGN);
		s = stage_make(&stage_fd);
		if (s)
			play(t, r, s, stage_fd);
		else
			broken(r, "no shared page", errno);
		if (s && tracer.directory[0])
			r->traced = (uint32_t)tracer_read(
				&tracer, (uint16_t)s->port, r->resets, TRIAL_TRACED);
	}
	tracer_close(&tracer);
}

static bool child_ended(void *arg)
{
	struct reaping *r = arg;

	return waitpid(r->victim, &r->status, WNOHANG) != 0;
}

static void await_trial(struct trial_result *r, pid_t child)
{
	struct reaping reaping = {.victim = child};

	if (!stage_await_that(child_ended, &reaping, TRIAL_LIMIT_MS)) {
		broken(r, "the trial did not end", 0);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	} else if (reaping.status != 0) {
		broken(r, "the trial crashed", 0);
	}
}

bool trial_run(const struct trial *t, struct trial_result *r)
{
	struct trial_result *shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	memset(r, 0, sizeof(*r));
	if (shared == MAP_FAILED)
		return broken(r, "no shared memory", errno), false;
	fflush(NULL);
	child = fork();
	if (child == 0) {
		run_in_namespace(t, shared);
		_exit(0);
	}
	if (child > 0)
		await_trial(shared, child);
	else
		broken(shared, "the trial could not be started", errno);
	*r = *shared;
	munmap(shared, sizeof(*shared));
	return !r->skipped[0] && !r->broken[0];
}
