/* SPDX-License-Identifier: MIT */
/*
 * Every victim through every door and in every frame, under audit and fix, each in a network
 * namespace of its own: judged by what the kernel counted, by what the peer got, and by the events.
 */
#include "judge.h"
#include "table.h"
#include "transport.h"
#include "victims.h"

#include <fnmatch.h>
#include <limits.h>
#include <linux/filter.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define CASES_MAX 4096

struct scenario {
	const char *program; /* a victim program beside this one */
	const char *frame;
	const char *victim;
	const char *door;
	enum judge_mode mode;
	const char *also; /* a library to preload beside the shim, or NULL */
};

/* A scenario of this run, and what the connection goes over: an index of transport.h. */
struct placed {
	struct scenario scenario;
	int transport;
};

static struct placed placed[CASES_MAX];
static int transport; /* of what is added next */
static struct CMUnitTest tests[CASES_MAX];
static size_t count;

static char here[PATH_MAX];    /* the directory of this program */
static char library[PATH_MAX]; /* the shim */
static char work[] = "/tmp/rstfix-scenarios-XXXXXX";
static bool traced; /* a failure tells each RST that the kernel sent, and its reason */

typedef void judging(struct finding *f, const struct trial *t, const struct trial_result *r,
	struct event_log *log);

static void run_judged(const struct placed *p, judging *judge_it)
{
	const struct scenario *s = &p->scenario;
	const char *missing = transport_missing(&transports[p->transport]);
	char program[PATH_MAX + 32], log[sizeof(work) + 8], preload[2 * PATH_MAX];
	const char *const command[] = {program, s->frame, NULL};
	const char *const settings[] = {"RSTFIX_LINGER=idle=500ms,total=3s",
		"ASAN_OPTIONS=verify_asan_link_order=0", judge_policy(s->victim), NULL};
	struct trial t = {.command = command,
		.victim = s->victim,
		.door = s->door,
		.transport = p->transport,
		.mode = s->mode == JUDGE_BARE ? NULL : judge_mode_names[s->mode],
		.preload = s->mode == JUDGE_BARE ? NULL : preload,
		.log = log,
		.env = settings,
		.trace = traced};
	struct trial_result r;
	struct event_log events;
	struct finding f;

	if (missing) {
		print_message("no %s here: %s\n", transports[p->transport].name, missing);
		skip();
	}
	snprintf(program, sizeof(program), "%s/%s", here, s->program);
	snprintf(log, sizeof(log), "%s/log", work);
	snprintf(preload, sizeof(preload), "%s%s%s", library, s->also ? ":" : "",
		s->also ? s->also : "");
	trial_run(&t, &r);
	if (r.skipped[0]) {
		print_message("%s\n", r.skipped);
		skip();
	}
	judge_it(&f, &t, &r, &events);
	unlink(log);
	for (uint32_t i = 0; f.text[0] && i < r.traced; i++)
		print_message("%s sent RST to %s in %s: %s\n", r.resets[i].source,
			r.resets[i].destination, r.resets[i].state, r.resets[i].reason);
	if (f.text[0])
		fail_msg("%s by %s in %s: %s", s->victim, s->door, s->frame, f.text);
}

static void run(void **state)
{
	run_judged(*state, judge);
}

/* A vfork child lives in its parent's memory: what it does there is none of the shim's business. */
static void run_untouched(void **state)
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
static void run_deaf(void **state)
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
static void run_trimmed(void **state)
{
	if (!filters_are_permitted()) {
		print_message("no socket filter may be attached: no CAP_NET_ADMIN here\n");
		skip();
	}
	run_judged(*state, judge_trimmed);
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

static void run_too_late(void **state)
{
	run_judged(*state, judge_too_late);
}

/*
 * At an end what comes late is left to the kernel as well, where that may be; else it is waited for.
 */
static void run_late_at_end(void **state)
{
	run_judged(*state, filters_are_permitted() ? judge_trimmed : judge);
}

static void add(const struct scenario *s, CMUnitTestFunction function)
{
	char name[256];

	if (count == CASES_MAX)
		abort();
	snprintf(name, sizeof(name), "%s by %s in %s, %s%s%s%s%s", s->victim, s->door, s->frame,
		judge_mode_names[s->mode], strcmp(s->program, "victim") == 0 ? "" : ", asan",
		s->also ? ", jemalloc" : "", transport ? " over " : "",
		transport ? transports[transport].name : "");
	if (function == run || function == run_late_at_end)
		table_note(claim_for(s->victim), s->door, s->mode);
	placed[count] = (struct placed){.scenario = *s, .transport = transport};
	tests[count] = (struct CMUnitTest){
		.name = strdup(name), .test_func = function, .initial_state = &placed[count]};
	count++;
}

/*
 * SHUT_RD is made real at once where another thread may stand in a wait, and after a while where
 * nothing else has done it.
 */
static bool too_late(const struct scenario *s)
{
	return strcmp(s->victim, "shutdown_then_pause") == 0 ||
		(strcmp(s->victim, "shutdown_rdwr") == 0 && strcmp(s->frame, "thread") == 0);
}

/*
 * In fix the connection is whole when an exit comes that is left alone: it resets, or its peer has
 * closed by then.
 */
static bool by_chance(const struct scenario *s)
{
	return strcmp(s->victim, "shutdown_rdwr") == 0 && door_that_ends(s->door) &&
		door_that_ends(s->door)->status != 0;
}

static void add_modes(const struct scenario *s)
{
	struct scenario each = *s;

	for (int mode = JUDGE_BARE; mode < JUDGE_MODES; mode++) {
		bool late = mode == JUDGE_FIX && strstr(s->victim, "late") &&
			door_that_ends(s->door) && door_that_ends(s->door)->status == 0;

		each.mode = (enum judge_mode)mode;
		if (mode == JUDGE_FIX && by_chance(s))
			continue;
		add(&each,
			late					   ? run_late_at_end
				: mode == JUDGE_FIX && too_late(s) ? run_too_late
								   : run);
	}
}

/* Beside the one that every victim goes by itself. */
static void add_ways(const struct claim *c)
{
	const char *way;

	for (size_t n = 1; (way = cells_way(c, n)); n++)
		add_modes(&(struct scenario){"victim", "main", c->victim, way, 0, NULL});
}

static void add_scenes(void)
{
	const struct claim *c;

	for (size_t i = 0; (c = cells_scene(i)); i++)
		add_ways(c);
}

/*
 * A child's own status is its parent's to judge, and what a rule mends it mends at any; in a vfork
 * child exit() runs the parent's handlers.
 */
static bool can_end_by(const char *victim, const struct end_door *end)
{
	if (end->status && (strstr(victim, "child_closes") || strstr(victim, "_ruled")))
		return false;
	return !strstr(victim, "vfork") || strncmp(end->door.name, "exit", 4) != 0;
}

static void add_ends(const char *victim)
{
	for (const struct end_door *end = end_doors; end < end_doors + end_doors_count; end++) {
		if (can_end_by(victim, end) && cells_can_go(claim_for(victim), end->door.name))
			add_modes(&(struct scenario){
				"victim", "main", victim, end->door.name, 0, NULL});
	}
}

static void add_untouched(const char *victim, const char *frame)
{
	struct scenario s = {"victim", frame, victim, "close", JUDGE_BARE, NULL};

	for (int mode = JUDGE_BARE; mode < JUDGE_MODES; mode++) {
		s.mode = (enum judge_mode)mode;
		add(&s, run_untouched);
	}
}

static void add_frames(const char *victim)
{
	static const char *const frames[] = {
		"constructor", "destructor", "thread", "signal", "fork", "closefrom", "daemon"};

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		/* Another thread may stand in a read of it: a mere risk is left alone. */
		if (strcmp(victim, "late_data") == 0 && strcmp(frames[i], "thread") == 0)
			add_untouched(victim, frames[i]);
		else
			add_modes(
				&(struct scenario){"victim", frames[i], victim, "close", 0, NULL});
	}
	add_untouched(victim, "vfork");
}

/* exit() and its like wherever a program may call them. */
static void add_ends_in_frames(const char *victim)
{
	static const char *const frames[] = {
		"constructor", "destructor", "thread", "signal", "fork", "closefrom", "daemon"};
	static const char *const ends[] = {"exit", "_exit", "exec"};

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]) * 3; i++)
		add_modes(
			&(struct scenario){"victim", frames[i / 3], victim, ends[i % 3], 0, NULL});
}

static void add_table(const struct victim *table)
{
	for (; table->name; table++) {
		if (!claim_for(table->name))
			continue;
		add_modes(&(struct scenario){"victim", "main", table->name, "close", 0, NULL});
	}
}

/* Each pattern by each operation is shown by a scenario of this run, or cannot be. */
static void every_cell_is_shown_or_has_its_reason(void **state)
{
	(void)state;
	if (!table_is_whole())
		fail_msg("the table of cells has holes");
}

static void add_allocators(const char *victim)
{
	static const char jemalloc[] = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2";

	add_modes(&(struct scenario){"victim-asan", "main", victim, "close", 0, NULL});
	add_modes(&(struct scenario){"victim-asan", "main", victim, "exit", 0, NULL});
	if (access(jemalloc, R_OK) == 0)
		add_modes(&(struct scenario){"victim", "main", victim, "close", 0, jemalloc});
	else
		print_message("SKIP %s with jemalloc: %s is not installed\n", victim, jemalloc);
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

static void run_dropped(void **state)
{
	run_judged(*state, judge_dropped);
}

static void add_over(const char *victim, CMUnitTestFunction function)
{
	struct scenario s = {"victim", "main", victim, "close", 0, NULL};

	for (int mode = JUDGE_BARE; mode < JUDGE_MODES; mode++) {
		s.mode = (enum judge_mode)mode;
		add(&s, function);
	}
}

/* The same, whatever the connection goes over. */
static void add_transports(void)
{
	static const char *const any[] = {"unread_close", "unread_close_client", "peeked_close",
		"linger_zero_listener", "linger_zero_abort", "peer_reset", "connect_refused",
		"clean_close", "close_after_peer_fin", "shut_rd_alone", "child_holds_it"};
	/* These wait for states that the subflows of MPTCP do not come to. */
	static const char *const tcp[] = {"unread_after_peer_fin", "urgent_close", "shutdown_rdwr",
		"late_data", "write_after_close", "timed_out", "linger_zero_after_fins"};

	for (transport = TRANSPORT_IPV4 + 1; transport < TRANSPORTS; transport++) {
		for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++)
			add_over(any[i], run);
		for (size_t i = 0; i < sizeof(tcp) / sizeof(tcp[0]); i++) {
			if (transport != TRANSPORT_MPTCP)
				add_over(tcp[i], run);
		}
	}
	transport = TRANSPORT_MPTCP;
	add_over("late_data", run_dropped);
	transport = TRANSPORT_IPV4;
}

static void add_all(void)
{
	static const char *const doors_matter[] = {"unread_close_client", "close_of_a_duplicate",
		"close_of_the_original", "child_holds_it", "child_closes_it",
		"vfork_child_closes_it", "sent_by_scm_rights"};
	static const char *const frames_matter[] = {"unread_close", "linger_zero_listener",
		"linger2_accepted", "listener_close_ruled", "disconnect", "shutdown_rdwr",
		"late_data", "peer_reset", "clean_close"};

	static const char *const ends_matter[] = {"unread_close", "unread_close_client",
		"unread_after_peer_fin", "linger_zero_listener", "linger_zero_abort",
		"shutdown_rdwr", "late_data", "clean_close", "child_holds_it", "child_closes_it",
		"vfork_child_closes_it", "listener_close", "listener_close_ruled",
		"linger2_listener"};

	add_table(victims_reset);
	add_table(victims_linger2);
	add_table(victims_disconnect);
	add_table(victims_listener);
	add_table(victims_seen);
	add_table(victims_clean);
	add_table(victims_endings);
	add_table(victims_handing);
	add_table(victims_shared);
	add_table(victims_law);
	add_scenes();
	add_transports();
	add_modes(&(struct scenario){"victim", "main", "peer_reset_unseen", "getsockopt", 0, NULL});
	for (size_t i = 0; i < sizeof(doors_matter) / sizeof(doors_matter[0]); i++)
		add_ways(claim_for(doors_matter[i]));
	for (size_t i = 0; i < sizeof(ends_matter) / sizeof(ends_matter[0]); i++)
		add_ends(ends_matter[i]);
	add_ends_in_frames("unread_close");
	for (size_t i = 0; i < sizeof(frames_matter) / sizeof(frames_matter[0]); i++)
		add_frames(frames_matter[i]);
	add(&(struct scenario){"victim", "main", "unread_close_peer_deaf", "close", JUDGE_FIX,
		    NULL},
		run_deaf);
	add(&(struct scenario){"victim", "main", "late_data_three_epolls", "close", JUDGE_FIX,
		    NULL},
		run_trimmed);
	add(&(struct scenario){"victim", "thread", "shutdown_late", "close", JUDGE_FIX, NULL},
		run_trimmed);
	add_allocators("unread_close");
	add_allocators("linger_zero_listener");
	add_allocators("clean_close");
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(every_cell_is_shown_or_has_its_reason);
}

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

/* `test_scenarios GLOB TIMES`: some of them, many times over, each RST traced where root allows. */
static bool select_some(const char *glob, int times)
{
	static struct CMUnitTest some[CASES_MAX];
	size_t n = 0;

	for (int t = 0; t < times; t++) {
		for (size_t i = 0; i < count && n < CASES_MAX; i++) {
			if (fnmatch(glob, tests[i].name, 0) == 0)
				some[n++] = tests[i];
		}
	}
	memcpy(tests, some, sizeof(tests));
	count = n;
	traced = true;
	return n > 0;
}

int main(int argc, char **argv)
{
	int failed;

	if (!locate() || !mkdtemp(work)) {
		perror("the shim, two directories above, or a directory for logs");
		return 2;
	}
	add_all();
	if (argc == 3 && !select_some(argv[1], atoi(argv[2]))) {
		fprintf(stderr, "no scenario is named %s, or not once\n", argv[1]);
		return 2;
	}
	failed = _cmocka_run_group_tests("scenarios", tests, count, NULL, NULL);
	rmdir(work);
	return failed ? 1 : 0;
}
