/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/start.h"
#include "log/event.h"
#include "log/sink.h"
#include "log/stats.h"
#include "statsread.h"

/* The shim's own tables, in this program; each test in a child of its own. */

static char folder[] = "/dev/shm/rstfix-unit-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static const char *begin(const char *where)
{
	self.pid = getpid();
	strcpy(self.program, "test program");
	self.start_s = 1763812800;
	self.opt.log = LOG_NONE;
	strcpy(self.opt.stats, where);
	assert_true(event_start());
	return stats_start();
}

static unsigned site(enum pattern pattern, uintptr_t address)
{
	void *stack[2] = {(void *)(address + 1), (char *)(uintptr_t)make_folder + 3};

	return callsite_find(pattern, OP_CLOSE, stack, 2, NULL);
}

/* Counted only: it is not within the rate. */
static void tell(unsigned at, enum outcome outcome)
{
	struct event e = {.pattern = (enum pattern)callsite_at(at)->pattern,
		.op = OP_CLOSE,
		.action = ACTION_FIX,
		.outcome = outcome,
		.drained = 3,
		.duration_ms = 5,
		.facts = {.unread = 7, .unsent = 11},
		.site = at};

	event_tell(&e);
}

static struct stats_folder read_folder(const char *where)
{
	struct stats_folder f;

	assert_null(stats_folder_read(&f, where));
	assert_int_equal(f.unreadable, 0);
	return f;
}

/* In a child, so that each test begins with tables that are empty. */
static void apart(void (*body)(const char *where))
{
	char where[64];
	int status;
	pid_t child;

	snprintf(where, sizeof(where), "%s/XXXXXX", folder);
	assert_non_null(mkdtemp(where));
	fflush(NULL);
	child = fork();
	if (child == 0) {
		setenv("CMOCKA_TEST_ABORT", "1", 1); /* else it would go on with the other tests */
		signal(SIGBUS, SIG_DFL);
		signal(SIGSEGV, SIG_DFL);
		body(where);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

#define APART(name) \
	static void in_##name(const char *where); \
	static void name(void **state) \
	{ \
		(void)state; \
		apart(in_##name); \
	} \
	static void in_##name(const char *where)

APART(what_is_counted_can_be_read)
{
	struct stats_folder f;
	struct stats_process *p;

	assert_null(begin(where));
	f = read_folder(where);
	assert_int_equal(f.count, 0); /* nothing yet: no file */
	tell(site(PATTERN_UNREAD_CLOSE, 0x10), OUTCOME_AVERTED);
	tell(site(PATTERN_UNREAD_CLOSE, 0x10), OUTCOME_EXPIRED);
	tell(site(PATTERN_UNREAD_CLOSE, 0x10), OUTCOME_LINGERING);
	tell(site(PATTERN_PEER_RESET, 0x10), OUTCOME_SEEN);
	f = read_folder(where);
	assert_int_equal(f.count, 1);
	p = &f.list[0];
	assert_string_equal(p->program, "test program");
	assert_int_equal(p->pid, getpid());
	assert_int_equal(p->start_s, 1763812800);
	assert_int_equal(p->life, STATS_RUNNING);
	assert_int_equal(strlen(p->boot_id), 36);
	assert_int_equal(p->lost_lines, 0);
	assert_int_equal(p->unplaced, 0);
	assert_int_equal(p->sites_count, 2);
	assert_string_equal(p->sites[0].pattern, "unread-close");
	assert_string_equal(p->sites[0].op, "close");
	assert_int_equal(p->sites[0].unread, 14);
	assert_int_equal(p->sites[0].unsent, 22);
	assert_int_equal(p->sites[0].saved, 11); /* averted */
	assert_int_equal(p->sites[0].lost, 11);	 /* expired */
	assert_int_equal(p->sites[0].drained, 6);
	assert_int_equal(p->sites[0].lingered_ms, 10);
	assert_int_equal(stats_events(p, &p->sites[0]), 2);
	assert_string_equal(p->actions[ACTION_FIX], "fix");
	assert_string_equal(p->outcomes[OUTCOME_EXPIRED], "expired");
	assert_int_equal(p->sites[0].counts[ACTION_FIX * p->outcomes_count + OUTCOME_EXPIRED], 1);
	assert_int_equal(p->sites[0].frames_count, 2);
	assert_int_equal(p->sites[0].frames[0].offset, 0x10);
	assert_string_equal(p->sites[0].frames[0].module, "");
	assert_non_null(strstr(p->sites[0].frames[1].module, "test_stats"));
	assert_string_equal(p->sites[1].pattern, "peer-reset");
	assert_true(p->sites[0].stack_id == callsite_at(site(PATTERN_PEER_RESET, 0x10))->id);
}

APART(the_file_is_its_owners_alone_and_of_no_name_to_guess)
{
	char command[256];

	assert_null(begin(where));
	tell(site(PATTERN_PEER_RESET, 0x10), OUTCOME_SEEN);
	snprintf(command, sizeof(command),
		"set -- %s/*; test $# = 1 && test $(stat -c %%a \"$1\") = 600 && "
		"expr \"$1\" : '.*/rstfix-%d-[0-9a-f]\\{16\\}\\.stats$' >/dev/null",
		where, getpid());
	assert_int_equal(system(command), 0);
}

APART(lost_lines_are_counted_before_and_after)
{
	struct stats_folder f;

	assert_null(begin(where));
	sink_lose();
	tell(site(PATTERN_PEER_RESET, 0x10), OUTCOME_SEEN);
	sink_lose();
	f = read_folder(where);
	assert_int_equal(f.list[0].lost_lines, 2);
}

APART(a_forked_child_counts_in_a_file_of_its_own)
{
	struct stats_folder f;
	unsigned at;
	int i, status;

	assert_null(begin(where));
	at = site(PATTERN_PEER_RESET, 0x10);
	for (i = 0; i < 5; i++)
		tell(at, OUTCOME_SEEN);
	if (fork() == 0) {
		self.pid = getpid();
		event_forked();
		f = read_folder(where);
		assert_int_equal(f.count, 1);
		for (i = 0; i < 3; i++)
			tell(at, OUTCOME_SEEN);
		_exit(0);
	}
	wait(&status);
	assert_int_equal(status, 0);
	tell(at, OUTCOME_SEEN);
	f = read_folder(where);
	assert_int_equal(f.count, 2);
	for (i = 0; i < 2; i++) {
		struct stats_process *p = &f.list[i];

		assert_int_equal(stats_events(p, &p->sites[0]), p->pid == getpid() ? 6 : 3);
		assert_int_equal(p->life, p->pid == getpid() ? STATS_RUNNING : STATS_ENDED);
	}
}

/* The events of all threads fall together, while the file and the records are being made. */
enum { THREADS = 8, SITES = 100 };
static pthread_barrier_t together;

static void *count_each(void *arg)
{
	enum outcome outcome = *(int *)arg % 2 ? OUTCOME_RESET : OUTCOME_EXPIRED;

	pthread_barrier_wait(&together);
	for (uintptr_t i = 0; i < SITES; i++)
		tell(site(PATTERN_UNREAD_CLOSE, 0x100 + i), outcome);
	return NULL;
}

static uint64_t sum(const struct stats_folder *f)
{
	uint64_t all = 0;

	for (size_t i = 0; i < f->count; i++)
		for (size_t k = 0; k < f->list[i].sites_count; k++)
			all += stats_events(&f->list[i], &f->list[i].sites[k]);
	return all;
}

static void in_threads_that_begin_together(const char *where)
{
	pthread_t t[THREADS];
	struct stats_folder f;
	uint64_t unread = 0;
	int i, number[THREADS];

	assert_null(begin(where));
	pthread_barrier_init(&together, NULL, THREADS);
	for (i = 0; i < THREADS; i++) {
		number[i] = i;
		pthread_create(&t[i], NULL, count_each, &number[i]);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	f = read_folder(where);
	assert_int_equal(f.count, 1);
	for (size_t k = 0; k < f.list[0].sites_count; k++)
		unread += f.list[0].sites[k].unread;
	assert_int_equal(sum(&f), THREADS * SITES);
	assert_int_equal(unread, 7 * THREADS * SITES);
}

static void threads_lose_nothing_even_at_the_first_event(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++)
		apart(in_threads_that_begin_together);
}

APART(a_thousand_callsites_find_room)
{
	struct stats_folder f;

	assert_null(begin(where));
	for (uintptr_t i = 0; i < 1000; i++)
		tell(site(PATTERN_UNREAD_CLOSE, 0x1000 + i), OUTCOME_RESET);
	f = read_folder(where);
	assert_int_equal(f.list[0].sites_count + f.list[0].unplaced, 1000);
	assert_int_equal(f.list[0].unplaced, 0);
	for (size_t k = 0; k < 1000; k++)
		assert_int_equal(f.list[0].sites[k].frames[0].offset, 0x1000 + k);
}

/* Storing to a page that cannot be had would kill by SIGBUS. */
static void begin_in_tmpfs_of(const char *where, const char *size)
{
	if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		_exit(77);
	if (mount("", "/", "", MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("tmpfs", where, "tmpfs", 0, size) != 0)
		_exit(77);
	assert_null(begin(where));
}

APART(a_folder_that_fills_up_costs_counters_and_no_program)
{
	struct stats_folder f;

	begin_in_tmpfs_of(where, "size=64k");
	for (uintptr_t i = 0; i < 1000; i++)
		tell(site(PATTERN_UNREAD_CLOSE, 0x1000 + i), OUTCOME_RESET);
	tell(site(PATTERN_UNREAD_CLOSE, 0x1000), OUTCOME_RESET);
	tell(site(PATTERN_UNREAD_CLOSE, 0x1000 + 999), OUTCOME_RESET);
	f = read_folder(where);
	assert_in_range(f.list[0].sites_count, 10, 200);
	assert_int_equal(sum(&f) + f.list[0].unplaced, 1002);
	assert_int_equal(stats_events(&f.list[0], &f.list[0].sites[0]), 2);
}

APART(a_full_folder_costs_the_file_and_no_program)
{
	struct stats_folder f;

	begin_in_tmpfs_of(where, "size=12k");
	assert_true(stats_due());
	tell(site(PATTERN_UNREAD_CLOSE, 0x10), OUTCOME_RESET);
	assert_false(stats_due());
	tell(site(PATTERN_UNREAD_CLOSE, 0x10), OUTCOME_RESET);
	f = read_folder(where);
	assert_int_equal(f.count, 0);
}

APART(only_a_folder_that_keeps_its_pages_is_taken)
{
	(void)where;
	assert_non_null(strstr(begin("/proc/self"), "tmpfs"));
	tell(site(PATTERN_PEER_RESET, 0x10), OUTCOME_SEEN);
	assert_false(stats_due());
	strcpy(self.opt.stats, "/nonexistent/x");
	assert_string_equal(stats_start(), "the folder does not exist");
	strcpy(self.opt.stats, "/dev/null");
	assert_string_equal(stats_start(), "it is no folder");
}

APART(without_a_descriptor_the_file_is_made_later_and_nothing_is_lost)
{
	struct rlimit none = {0, 0}, before;
	struct stats_folder f;

	assert_null(begin(where));
	getrlimit(RLIMIT_NOFILE, &before);
	none.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_NOFILE, &none);
	tell(site(PATTERN_UNREAD_CLOSE, 0x10), OUTCOME_RESET);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_true(stats_due());
	tell(site(PATTERN_PEER_RESET, 0x10), OUTCOME_SEEN);
	f = read_folder(where);
	assert_int_equal(f.count, 1);
	assert_int_equal(sum(&f), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_counted_can_be_read),
		cmocka_unit_test(the_file_is_its_owners_alone_and_of_no_name_to_guess),
		cmocka_unit_test(lost_lines_are_counted_before_and_after),
		cmocka_unit_test(a_forked_child_counts_in_a_file_of_its_own),
		cmocka_unit_test(threads_lose_nothing_even_at_the_first_event),
		cmocka_unit_test(a_thousand_callsites_find_room),
		cmocka_unit_test(a_folder_that_fills_up_costs_counters_and_no_program),
		cmocka_unit_test(a_full_folder_costs_the_file_and_no_program),
		cmocka_unit_test(without_a_descriptor_the_file_is_made_later_and_nothing_is_lost),
		cmocka_unit_test(only_a_folder_that_keeps_its_pages_is_taken),
	};
	struct statfs fs;

	if (statfs("/dev/shm", &fs) != 0 || fs.f_type != TMPFS_MAGIC) {
		puts("SKIP /dev/shm is no tmpfs");
		return 77;
	}
	return cmocka_run_group_tests_name("stats", tests, make_folder, remove_folder);
}
