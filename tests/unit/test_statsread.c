/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/statsfile.h"
#include "prometheus.h"
#include "toprows.h"

/* A small counter file, as the shim would write it; each test spoils it in its own way. */

enum { ACTIONS = 2, OUTCOMES = 2, ROOM = 1024, RECORD = 512 };

static struct stats_header *make_file(const char *program)
{
	struct stats_header *h = calloc(1, ROOM);
	struct stats_record *r = (struct stats_record *)((char *)h + RECORD);
	struct stats_frame *f = (struct stats_frame *)&r->counts[ACTIONS * OUTCOMES];
	static const char names[] = "unread-close\0close\0/usr/lib/libx.so\0ab12\0reply+0x52";
	uint32_t at = (uint32_t)((char *)(f + 1) - (char *)r);

	assert_non_null(h);
	memcpy(h->magic, STATS_MAGIC, sizeof(h->magic));
	h->version = STATS_VERSION;
	h->sites_count = 2;
	h->pid = 7;
	strncpy(h->program, program, sizeof(h->program) - 1);
	strcpy(h->actions, "log,fix");
	strcpy(h->outcomes, "reset,averted");
	h->lost_lines = 4;
	h->sites[1] = RECORD;
	memcpy((char *)r + at, names, sizeof(names));
	*r = (struct stats_record){.size = (at + (uint32_t)sizeof(names) + 7) & ~7U,
		.pattern = at,
		.op = at + 13,
		.frames_count = 1,
		.frames = (uint32_t)((char *)f - (char *)r),
		.stack_id = 0x9f2c,
		.unread = 100,
		.unsent = 1000,
		.lost = 700,
		.saved = 300,
		.lingered_ms = 1500};
	r->counts[0] = 3;	     /* log, reset */
	r->counts[OUTCOMES + 1] = 2; /* fix, averted */
	*f = (struct stats_frame){
		.offset = 0x41b2, .module = at + 19, .build_id = at + 36, .symbol = at + 41};
	return h;
}

static struct stats_record *record(struct stats_header *h)
{
	return (struct stats_record *)((char *)h + RECORD);
}

static bool takes(struct stats_header *h, size_t size)
{
	struct stats_process p;
	void *exact = malloc(size ? size : 1); /* so that a sanitizer sees what is read beyond */

	memcpy(exact, h, size);
	free(h);
	if (!stats_parse(&p, exact, size))
		return false;
	stats_free(&p);
	return true;
}

static void a_file_is_read(void **state)
{
	struct stats_process p;

	(void)state;
	assert_true(stats_parse(&p, make_file("httpd"), ROOM));
	assert_string_equal(p.program, "httpd");
	assert_int_equal(p.sites_count, 1);
	assert_string_equal(p.sites[0].pattern, "unread-close");
	assert_string_equal(p.sites[0].op, "close");
	assert_int_equal(stats_events(&p, &p.sites[0]), 5);
	assert_string_equal(p.sites[0].frames[0].module, "/usr/lib/libx.so");
	assert_string_equal(p.sites[0].frames[0].build_id, "ab12");
	assert_string_equal(p.sites[0].frames[0].symbol, "reply+0x52");
	stats_free(&p);
}

static void a_file_cut_anywhere_kills_nobody(void **state)
{
	(void)state;
	for (size_t size = 0; size < ROOM; size++)
		takes(make_file("httpd"), size);
	assert_false(takes(make_file("httpd"), sizeof(struct stats_header) - 1));
	assert_false(takes(make_file("httpd"), RECORD + sizeof(struct stats_record)));
}

/* Any four bytes may be anything. */
static void a_file_spoilt_anywhere_kills_nobody(void **state)
{
	static const uint32_t values[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8};

	(void)state;
	for (size_t at = 0; at < ROOM; at += 4) {
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			struct stats_header *h = make_file("httpd");

			memcpy((char *)h + at, &values[i], sizeof(values[i]));
			takes(h, ROOM);
		}
	}
}

#define REFUSED(spoil) \
	do { \
		struct stats_header *h = make_file("httpd"); \
\
		spoil; \
		if (takes(h, ROOM)) \
			fail_msg("%s: was taken", #spoil); \
	} while (0)

static void what_does_not_add_up_is_refused(void **state)
{
	(void)state;
	assert_true(takes(make_file("httpd"), ROOM));
	REFUSED(h->magic[0] = 'X');
	REFUSED(h->version = 2);
	REFUSED(h->sites_count = 0xffffffff);
	REFUSED(memset(h->program, 'x', sizeof(h->program)));
	REFUSED(memset(h->outcomes, 'x', sizeof(h->outcomes)));
	REFUSED(strcpy(h->actions, ""));
	REFUSED(strcpy(h->actions, "log,,fix"));
	REFUSED(strcpy(h->actions, "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"));
	REFUSED(strcpy(h->outcomes, "reset,\"x"));
	REFUSED(h->sites[1] = RECORD + 4);
	REFUSED(h->sites[1] = ROOM - 8);
	REFUSED(record(h)->size = ROOM);
	REFUSED(record(h)->size = 8);
	REFUSED(record(h)->pattern = record(h)->size);
	REFUSED(record(h)->pattern = 0xfffffff0);
	REFUSED(strcpy((char *)record(h) + record(h)->pattern, "a\"b"));
	REFUSED(record(h)->frames_count = 65);
	REFUSED(record(h)->frames_count = 0xffffffff);
	REFUSED(record(h)->frames = record(h)->size - 8);
	REFUSED(record(h)->frames += 4);
}

/* Each would have its frames: gigabytes out of a file of four megabytes. */
static void records_that_are_one_another_are_refused(void **state)
{
	(void)state;
	REFUSED({
		h->sites_count = 8;
		for (unsigned i = 0; i < 8; i++)
			h->sites[i] = RECORD;
	});
}

static void a_record_added_meanwhile_is_left_out(void **state)
{
	struct stats_header *h = make_file("httpd");
	struct stats_process p;

	(void)state;
	h->sites[0] = ROOM;
	assert_true(stats_parse(&p, h, ROOM));
	assert_int_equal(p.sites_count, 1);
	stats_free(&p);
}

static struct stats_folder folder_of(const char *const *programs, size_t n)
{
	struct stats_folder f = {.list = calloc(n, sizeof(*f.list)), .count = n, .unreadable = 1};

	assert_non_null(f.list);
	for (size_t i = 0; i < n; i++)
		assert_true(stats_parse(&f.list[i], make_file(programs[i]), ROOM));
	f.list[0].life = STATS_ENDED;
	return f;
}

static void a_folder_is_summed_up_for_prometheus(void **state)
{
	static const char *const programs[] = {"httpd", "a \"b\"\\\n\xff", "httpd"};
	static const char *const wanted[] = {
		"# TYPE rstfix_events_total counter\n",
		"rstfix_events_total{program=\"httpd\",pattern=\"unread-close\",op=\"close\","
		"action=\"log\",outcome=\"reset\"} 6\n",
		"rstfix_events_total{program=\"httpd\",pattern=\"unread-close\",op=\"close\","
		"action=\"fix\",outcome=\"averted\"} 4\n",
		"rstfix_unread_bytes_total{program=\"httpd\",pattern=\"unread-close\",op=\"close\"} "
		"200\n",
		"rstfix_unsent_bytes_total{program=\"httpd\",pattern=\"unread-close\",op=\"close\"} "
		"2000\n",
		"rstfix_lost_bytes_total{program=\"httpd\",pattern=\"unread-close\",op=\"close\"} "
		"1400\n",
		"rstfix_linger_seconds_total{program=\"httpd\",pattern=\"unread-close\",op="
		"\"close\"} 3.000\n",
		"rstfix_lost_lines_total{program=\"httpd\"} 8\n",
		"rstfix_processes{program=\"httpd\",state=\"ended\"} 1\n",
		"rstfix_processes{program=\"httpd\",state=\"unknown\"} 1\n",
		"rstfix_lost_lines_total{program=\"a \\\"b\\\"\\\\\\\\\\\\x0a\\\\xff\"} 4\n",
		"rstfix_unreadable_files 1\n",
	};
	struct stats_folder f = folder_of(programs, 3);
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_true(prometheus_write(out, &f));
	fclose(out);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (!strstr(text, wanted[i]))
			fail_msg("%s is missing in\n%s", wanted[i], text);
	}
	free(text);
	stats_folder_free(&f);
}

static void rows_are_summed_up_and_sorted(void **state)
{
	static const char *const programs[] = {"httpd", "zebra", "httpd"};
	struct stats_folder f = folder_of(programs, 3);
	struct top_rows before, rows;

	(void)state;
	assert_true(top_rows_make(&before, &f));
	assert_int_equal(before.count, 2);
	assert_string_equal(before.list[0].program, "httpd");
	assert_int_equal(before.list[0].events, 10);
	assert_int_equal(before.list[0].processes, 2);
	assert_int_equal(before.list[0].ended, 1);
	assert_int_equal(before.list[0].lost, 1400);
	assert_string_equal(before.list[0].outcomes[0].name, "reset");
	assert_int_equal(before.list[0].outcomes[0].events, 6);
	assert_string_equal(before.list[0].outcomes[1].name, "averted");
	assert_int_equal(before.list[0].outcomes[1].events, 4);
	assert_null(before.list[0].outcomes[2].name);
	*(uint64_t *)(uintptr_t)f.list[1].sites[0].counts += 20;
	assert_true(top_rows_make(&rows, &f));
	top_rows_rate(&rows, &before, 2);
	top_rows_sort(&rows, TOP_RATE);
	assert_string_equal(rows.list[0].program, "zebra");
	assert_true(rows.list[0].rate == 10);
	assert_true(rows.list[1].rate == 0);
	top_rows_sort(&rows, TOP_LOST);
	assert_string_equal(rows.list[0].program, "httpd");
	top_rows_sort(&rows, TOP_EVENTS);
	assert_string_equal(rows.list[0].program, "zebra");
	top_rows_sort(&rows, TOP_PROGRAM);
	assert_string_equal(rows.list[0].program, "httpd");
	free(rows.list);
	free(before.list);
	stats_folder_free(&f);
}

static void a_row_is_words_that_are_safe_for_a_terminal(void **state)
{
	static const char *const programs[] = {"a b\x1b[31m"};
	struct stats_folder f = folder_of(programs, 1);
	struct top_rows rows;
	char line[1024];
	struct text t = text_on(line, sizeof(line));

	(void)state;
	assert_true(top_rows_make(&rows, &f));
	top_rows_print(&t, &rows.list[0], false);
	assert_string_equal(text_end(&t),
		"        -         5         100         700         300  reset:60%     "
		"a_b\\x1b[31m     7        ended    unread-close      close       "
		"0000000000009f2c reply+0x52");
	free(rows.list);
	stats_folder_free(&f);
}

static void write_file(const char *path)
{
	struct stats_header *h = make_file("httpd");
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	h->used = ROOM;
	h->pid_namespace = 1;
	strcpy(h->boot_id, "another");
	assert_int_equal(fwrite(h, ROOM, 1, file), 1);
	fclose(file);
	free(h);
}

/* Who owns what leads to a folder can make it lead to somebody else's. */
static void nothing_is_removed_from_another_folder_than_was_read(void **state)
{
	char root[] = "/tmp/test_statsread.XXXXXX";
	struct stats_folder f;

	(void)state;
	assert_non_null(mkdtemp(root));
	assert_int_equal(chdir(root), 0);
	assert_int_equal(mkdir("own", 0700) | mkdir("others", 0700), 0);
	write_file("own/rstfix-1-2.stats");
	write_file("others/rstfix-1-2.stats");
	assert_null(stats_folder_read(&f, "own"));
	stats_folder_keep_ended(&f);
	assert_int_equal(f.count, 1);
	assert_int_equal(rename("own", "moved") | symlink("others", "own"), 0);
	assert_int_equal(stats_folder_remove(&f, "own"), 0);
	assert_int_equal(unlink("others/rstfix-1-2.stats"), 0);
	assert_int_equal(stats_folder_remove(&f, "moved"), 1);
	stats_folder_free(&f);
	assert_int_equal(unlink("own") | rmdir("moved") | rmdir("others") | chdir("/"), 0);
	assert_int_equal(rmdir(root), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read),
		cmocka_unit_test(a_file_cut_anywhere_kills_nobody),
		cmocka_unit_test(a_file_spoilt_anywhere_kills_nobody),
		cmocka_unit_test(what_does_not_add_up_is_refused),
		cmocka_unit_test(nothing_is_removed_from_another_folder_than_was_read),
		cmocka_unit_test(records_that_are_one_another_are_refused),
		cmocka_unit_test(a_record_added_meanwhile_is_left_out),
		cmocka_unit_test(a_folder_is_summed_up_for_prometheus),
		cmocka_unit_test(rows_are_summed_up_and_sorted),
		cmocka_unit_test(a_row_is_words_that_are_safe_for_a_terminal),
	};

	return cmocka_run_group_tests_name("statsread", tests, NULL, NULL);
}
