/* SPDX-License-Identifier: MIT */
#include "runs.h"

#include "transport.h"

#include <limits.h>
#include <linux/filter.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char here[PATH_MAX];    /* the directory of this program */
static char library[PATH_MAX]; /* the shim */
#define VALGRIND "/usr/bin/valgrind"
#define FOUND	 99 /* its status when it has something to say */
#define TEXT_(x) #x
#define TEXT(x)	 TEXT_(x)

static char work[] = "/tmp/rstfix-scenarios-XXXXXX";

bool runs_traced, runs_checked;

static bool locate(void)
{
	char path[PATH_MAX + 32];
	ssize_t len = readlink("/proc/self/exe", here, sizeof(here) - 1);

	if (len <= 0)
		return false;
	here[len] = '\0';
	*strrchr(here, '/') = '\0';
	snprintf(path, sizeof(path), "%s/../../librstfix.so", here);
	return realpath(path, library) != NULL;
}

bool runs_begin(void)
{
	return locate() && mkdtemp(work);
}

void runs_end(void)
{
	rmdir(work);
}

/* What a sanitizer in the shim itself cannot be run with. */
static const char *unfit(const struct scenario *s)
{
#ifdef __SANITIZE_ADDRESS__
	if (s->also)
		return "AddressSanitizer wants to be the allocator itself";
	if (strstr(s->victim, "vfork") && strstr(s->door, "exec"))
		return "AddressSanitizer learns of the end of a vfork child's frames by its own vfork()";
	if (strcmp(s->program, "victim-tsan") == 0 || strcmp(s->program, "valgrind") == 0)
		return "one sanitizer at a time";
#endif
	if (runs_checked &&
		(strcmp(s->victim, "errno_is_kept") == 0 ||
			strcmp(s->victim, "thrown_away_by_msg_trunc") == 0 ||
			strcmp(s->victim, "fcloseall_leaves_it_open") == 0))
		return "what valgrind says of this one it says of it bare as well";
	return strcmp(s->program, "valgrind") == 0 && access(VALGRIND, X_OK) != 0
		? "valgrind is not installed"
		: NULL;
}

/* A finding is a status that no victim has. */
static const char *const valgrind[] = {
	VALGRIND, "--quiet", "--trace-children=yes", "--error-exitcode=" TEXT(FOUND), NULL};

static bool under_valgrind(const struct scenario *s)
{
	return strcmp(s->program, "valgrind") == 0 ||
		(runs_checked && strcmp(s->program, "victim") == 0);
}

typedef void judging(struct finding *f, const struct trial *t, const struct trial_result *r,
	struct event_log *log);

/* In slow motion, and without a reaper, it ends otherwise than claimed: what counts is what valgrind says. */
static void judge_checked(struct finding *f, const struct trial *t, const struct trial_result *r,
	struct event_log *log)
{
	(void)t;
	(void)log;
	f->text[0] = '\0';
	/* SIGKILL is the trial's own, when its time is over. */
	if (WIFSIGNALED(r->status) ? WTERMSIG(r->status) != SIGKILL
				   : WEXITSTATUS(r->status) == FOUND)
		snprintf(f->text, sizeof(f->text), "the status under valgrind is 0x%x", r->status);
}

static void run_judged(const struct placed *p, judging *judge_it)
{
	const struct scenario *s = &p->scenario;
	const char *missing = transport_missing(&transports[p->transport]);
	char program[PATH_MAX + 32], log[sizeof(work) + 8], preload[2 * PATH_MAX];
	bool before = s->also && s->also[0] != ':';
	const char *const command[] = {program, s->frame, NULL};
	/* What a victim has not freed at its end is of no interest. */
	const char *const settings[] = {"RSTFIX_LINGER=idle=500ms,total=3s",
		"ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0", judge_policy(s->victim),
		NULL};
	struct trial t = {.command = command,
		.under = under_valgrind(s) ? valgrind : NULL,
		.victim = s->victim,
		.door = s->door,
		.transport = p->transport,
		.mode = s->mode == JUDGE_BARE ? NULL : judge_mode_names[s->mode],
		.preload = s->mode == JUDGE_BARE ? NULL : preload,
		.log = log,
		.env = settings,
		.trace = runs_traced};
	struct trial_result r;
	struct event_log events;
	struct finding f;

	if (unfit(s)) {
		print_message("%s\n", unfit(s));
		skip();
	}
	if (missing) {
		print_message("no %s here: %s\n", transports[p->transport].name, missing);
		skip();
	}
	snprintf(program, sizeof(program), "%s/%s", here,
		strcmp(s->program, "valgrind") == 0 ? "victim" : s->program);
	snprintf(log, sizeof(log), "%s/log", work);
	snprintf(preload, sizeof(preload), "%s%s%s", before ? s->also : "", library,
		s->also && !before ? s->also : "");
	trial_run(&t, &r);
	if (r.skipped[0]) {
		print_message("%s\n", r.skipped);
		skip();
	}
	if (runs_checked)
		judge_it = judge_checked;
	judge_it(&f, &t, &r, &events);
	unlink(log);
	for (uint32_t i = 0; f.text[0] && i < r.traced; i++)
		print_message("%s sent RST to %s in %s: %s\n", r.resets[i].source,
			r.resets[i].destination, r.resets[i].state, r.resets[i].reason);
	if (f.text[0])
		fail_msg("%s by %s in %s: %s", s->victim, s->door, s->frame, f.text);
}

void run(void **state)
{
	run_judged(*state, judge);
}

/* A vfork child lives in its parent's memory: what it does there is none of the shim's business. */
void run_untouched(void **state)
{
	run_judged(*state, judge_untouched);
}

static void judge_limit(struct finding *f, const struct trial *t, const struct trial_result *r,
	struct event_log *log)
{
	f->text[0] = '\0';
	if (r->broken[0] || r->failed || !events_read(log, t->log) || log->rsts != 1)
		snprintf(f->text, sizeof(f->text), "%s, line %d, %zu events", r->broken, r->failed,
			log->rsts);
	else if (strcmp(log->first[0].outcome, "expired") != 0)
		snprintf(f->text, sizeof(f->text), "the outcome is %s", log->first[0].outcome);
	else if (r->passed_ms > 300)
		snprintf(f->text, sizeof(f->text), "the close waited for %d ms", r->passed_ms);
}

/* A peer that never reads: the close comes back at once, and the limit is told when it is reached. */
void run_deaf(void **state)
{
	run_judged(*state, judge_limit);
}

static bool filters_are_permitted(void)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 0xffffffff);
	struct sock_fprog program = {1, &all};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool permitted =
		setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;

	close(fd);
	return permitted;
}

/* The late byte comes again after the FIN is acknowledged, and draws a RST that destroys nothing. */
static void judge_trimmed(struct finding *f, const struct trial *t, const struct trial_result *r,
	struct event_log *log)
{
	f->text[0] = '\0';
	if (r->broken[0] || r->failed || !events_read(log, t->log) || log->rsts)
		snprintf(f->text, sizeof(f->text), "%s, line %d, %zu events", r->broken, r->failed,
			log->rsts);
	else if (r->got != r->sent)
		snprintf(f->text, sizeof(f->text), "%llu of %llu bytes arrived",
			(unsigned long long)r->got, (unsigned long long)r->sent);
}

/* What cannot linger is left to the kernel, with a filter that takes no more input. */
void run_trimmed(void **state)
{
	if (!filters_are_permitted()) {
		print_message("no socket filter may be attached: no CAP_NET_ADMIN here\n");
		skip();
	}
	run_judged(*state, judge_trimmed);
}

/*
 * Left to the kernel as well. Without a filter the end waits until the peer has read, and this one reads
 * when it sees the end: that wait is for tests/programs (ends.py).
 */
void run_late_at_end(void **state)
{
	run_trimmed(state);
}

/* MPTCP drops what comes after a clean close, and delivers what was written: no RST, no event. */
static void judge_dropped(struct finding *f, const struct trial *t, const struct trial_result *r,
	struct event_log *log)
{
	f->text[0] = '\0';
	if (r->broken[0] || r->failed || !events_read(log, t->log) || log->rsts || r->rsts)
		snprintf(f->text, sizeof(f->text), "%s, line %d, %zu events, %llu RST", r->broken,
			r->failed, log->rsts, (unsigned long long)r->rsts);
	else if (r->end != END_FIN || r->got != r->sent)
		snprintf(f->text, sizeof(f->text), "%llu of %llu bytes, then %s",
			(unsigned long long)r->got, (unsigned long long)r->sent,
			peer_end_name(r->end));
}

void run_dropped(void **state)
{
	run_judged(*state, judge_dropped);
}

/* The late byte is unread when everything has arrived, and resets. */
static void judge_held(struct finding *f, const struct trial *t, const struct trial_result *r,
	struct event_log *log)
{
	f->text[0] = '\0';
	if (r->broken[0] || r->failed || !events_read(log, t->log) || log->rsts != 1)
		snprintf(f->text, sizeof(f->text), "%s, line %d, %zu events", r->broken, r->failed,
			log->rsts);
	else if (strcmp(log->first[0].pattern, "late-data") != 0 ||
		strcmp(log->first[0].outcome, "delivered") != 0)
		snprintf(f->text, sizeof(f->text), "the event is %s, %s", log->first[0].pattern,
			log->first[0].outcome);
	else if (r->rsts != 1 || r->got != r->sent)
		snprintf(f->text, sizeof(f->text), "%llu RST, %llu of %llu bytes arrived",
			(unsigned long long)r->rsts, (unsigned long long)r->got,
			(unsigned long long)r->sent);
}

void run_held(void **state)
{
	run_judged(*state, judge_held);
}

/* The kernel knew that both sides were shut when the byte came: reset as bare, and told so. */
static void judge_too_late(struct finding *f, const struct trial *t, const struct trial_result *r,
	struct event_log *log)
{
	f->text[0] = '\0';
	if (r->broken[0] || r->failed || !events_read(log, t->log) || log->rsts != 1)
		snprintf(f->text, sizeof(f->text), "%s, line %d, %zu events", r->broken, r->failed,
			log->rsts);
	else if (strcmp(log->first[0].pattern, "shutdown-read") != 0 ||
		strcmp(log->first[0].outcome, "failed") != 0)
		snprintf(f->text, sizeof(f->text), "the event is %s, %s", log->first[0].pattern,
			log->first[0].outcome);
	else if (r->rsts != 1 || r->end != END_RST)
		snprintf(f->text, sizeof(f->text), "%llu RST", (unsigned long long)r->rsts);
}

void run_too_late(void **state)
{
	run_judged(*state, judge_too_late);
}
