/* SPDX-License-Identifier: MIT */
/*
 * Every victim through every door and in every frame, under audit and fix, each in a network
 * namespace of its own: judged by what the kernel counted, by what the peer got, and by the events.
 */
#include "runs.h"
#include "table.h"
#include "transport.h"
#include "victims.h"

#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CASES_MAX 4096

static struct placed placed[CASES_MAX];
static int transport; /* of what is added next */
static struct CMUnitTest tests[CASES_MAX];
static size_t count;

static void add(const struct scenario *s, CMUnitTestFunction function)
{
	const char *dash = strchr(s->program, '-');
	char name[256];

	if (count == CASES_MAX)
		abort();
	snprintf(name, sizeof(name), "%s by %s in %s, %s%s%s%s%s%s%s", s->victim, s->door, s->frame,
		judge_mode_names[s->mode], strcmp(s->program, "victim") == 0 ? "" : ", ",
		strcmp(s->program, "victim") == 0 ? ""
			: dash			  ? dash + 1
						  : s->program,
		s->also ? ", with " : "", s->also ? s->also : "", transport ? " over " : "",
		transport ? transports[transport].name : "");
	if (function != run_untouched)
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

/* Another thread may stand in a read of it: held until all is delivered, and closed as it is then. */
static bool is_held(const struct scenario *s)
{
	return strcmp(s->victim, "late_data") == 0 && strcmp(s->frame, "thread") == 0;
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
				: mode == JUDGE_FIX && is_held(s)  ? run_held
								   : run);
	}
}

/* Beside the one that every victim goes by itself. `ends`: also those after which nothing comes. */
static void add_ways(const struct claim *c, bool ends)
{
	const char *way;

	for (size_t n = 1; (way = cells_way(c, n)); n++) {
		if (ends || !door_that_ends(way))
			add_modes(&(struct scenario){"victim", "main", c->victim, way, 0, NULL});
	}
}

static void add_scenes(void)
{
	const struct claim *c;

	for (size_t i = 0; (c = cells_scene(i)); i++)
		add_ways(c, true);
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
		if (can_end_by(victim, end))
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

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		add_modes(&(struct scenario){"victim", frames[i], victim, "close", 0, NULL});
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

/* Each replaces malloc(), and some more, wherever it stands in the list of libraries. */
static void add_allocators(const char *victim)
{
	static const char *const allocators[][2] = {
		{"/usr/lib/x86_64-linux-gnu/libjemalloc.so.2:",
			":/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"},
		{"/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4:",
			":/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4"},
		{"/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0:",
			":/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0"}};

	for (size_t i = 0; i < sizeof(allocators) / sizeof(allocators[0]); i++) {
		if (access(allocators[i][1] + 1, R_OK) != 0) {
			print_message("SKIP %s with %s: it is not installed\n", victim,
				allocators[i][1] + 1);
			continue;
		}
		for (size_t place = 0; place < 2; place++)
			add_modes(&(struct scenario){
				"victim", "main", victim, "close", 0, allocators[i][place]});
	}
}

/*
 * Programs that are watched themselves, by what interposes on the same functions. ThreadSanitizer's
 * exit() is its own; and with it, or valgrind, there is no reaper to take what a thread may be writing to.
 */
static void add_checked(const char *victim)
{
	struct scenario s = {"victim-tsan", "thread", victim, "close", JUDGE_BARE, NULL};

	add_modes(&(struct scenario){"victim-asan", "main", victim, "close", 0, NULL});
	add_modes(&(struct scenario){"victim-asan", "main", victim, "exit", 0, NULL});
	add_modes(&(struct scenario){"victim-asan", "thread", victim, "close", 0, NULL});
	add_modes(&(struct scenario){"victim-tsan", "main", victim, "close", 0, NULL});
	add_modes(&(struct scenario){"valgrind", "main", victim, "close", 0, NULL});
	add_modes(&(struct scenario){"valgrind", "main", victim, "exit", 0, NULL});
	for (int mode = JUDGE_BARE; mode < JUDGE_FIX; mode++) {
		s.mode = (enum judge_mode)mode;
		add(&s, run);
	}
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
		"linger2_accepted", "listener_close_nonblocking_ruled", "disconnect",
		"shutdown_rdwr", "late_data", "peer_reset", "clean_close"};

	static const char *const company_matters[] = {
		"unread_close", "linger_zero_listener", "clean_close"};
	static const char *const ends_matter[] = {"unread_close_client", "unread_after_peer_fin",
		"child_holds_it", "child_closes_it", "vfork_child_closes_it"};

	add_table(victims_reset);
	add_table(victims_linger);
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
		add_ways(claim_for(doors_matter[i]), false);
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
	for (size_t i = 0; i < sizeof(company_matters) / sizeof(company_matters[0]); i++) {
		add_allocators(company_matters[i]);
		add_checked(company_matters[i]);
	}
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(every_cell_is_shown_or_has_its_reason);
}

/*
 * `test_scenarios GLOB TIMES`: some of them, many times over, each RST traced where root allows.
 * `test_scenarios GLOB valgrind`: once, under it.
 */
static bool select_some(const char *glob, const char *how)
{
	int times = (runs_checked = strcmp(how, "valgrind") == 0) ? 1 : atoi(how);
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
	runs_traced = !runs_checked;
	return n > 0;
}

int main(int argc, char **argv)
{
	int failed;

	if (!runs_begin()) {
		perror("the shim, two directories above, or a directory for logs");
		return 2;
	}
	add_all();
	if (argc == 3 && !select_some(argv[1], argv[2])) {
		fprintf(stderr, "no scenario is named %s, or not once\n", argv[1]);
		return 2;
	}
	failed = _cmocka_run_group_tests("scenarios", tests, count, NULL, NULL);
	runs_end();
	return failed ? 1 : 0;
}
