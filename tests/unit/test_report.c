/* SPDX-License-Identifier: MIT */
#include "report/pending.h"
#include "report/tally.h"
#include "report/when.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct line line;

static bool read_text(const char *text)
{
	struct line_reader *r = line_reader_new();
	static char room[4096 + LINE_ROOM];
	static struct line_reader *last;
	bool good;

	line_reader_free(last); /* the spans of `line` hold until now */
	last = r;
	assert_true(strlen(text) < 4096);
	strcpy(room, text);
	good = line_read(r, &line, room, strlen(text));
	return good;
}

static void a_line_of_the_shim_is_read(void **state)
{
	(void)state;
	assert_true(read_text(
		"{\"v\":1,\"time\":\"2026-11-22T12:00:00.123456Z\",\"event\":\"rst\",\"pattern\":\"unread-"
		"close\",\"op\":\"close\",\"outcome\":\"averted\",\"program\":\"httpd\",\"pid\":7,\"role\":"
		"null,\"peer\":\"[::1]:80\",\"unread\":178,\"unsent\":3887104,\"harm\":\"output-lost\","
		"\"stack_id\":\"9f2c\",\"count\":3,\"sock\":4711,\"frames\":[{\"module\":\"/a\",\"offset\":"
		"\"0x41b2\",\"symbol\":\"\\u0041\"}],\"armed_by\":{\"op\":\"setsockopt\",\"stack_id\":\"1\","
		"\"frames\":[{\"module\":null,\"offset\":\"0xffffffffffffffff\"}]}}"));
	assert_int_equal(line.kind, LINE_RST);
	assert_int_equal(line.time_us, INT64_C(1795348800123456));
	assert_true(span_is(line.pattern, "unread-close") && span_is(line.outcome, "averted"));
	assert_true(span_is(line.peer, "[::1]:80") && line.role.len == 0);
	assert_int_equal(line.unsent, 3887104);
	assert_int_equal(line.sock, 4711);
	assert_int_equal(line.stack.count, 1);
	assert_int_equal(line.stack.frames[0].offset, 0x41b2);
	assert_true(span_is(line.stack.frames[0].symbol, "A"));
	assert_true(span_is(line.armed_by.op, "setsockopt"));
	assert_int_equal(line.armed_by.frames[0].offset, UINT64_MAX);
}

static void a_summary_is_read(void **state)
{
	(void)state;
	assert_true(read_text(
		"{\"event\":\"summary\",\"lost\":2,\"callsites\":[{\"pattern\":\"a\","
		"\"op\":\"b\",\"stack_id\":null,\"count\":5,\"destroyed\":7,\"saved\":6,\"outcomes\":{"
		"\"reset\":1,\"seen\":4}},3]}"));
	assert_int_equal(line.kind, LINE_SUMMARY);
	assert_int_equal(line.lost, 2);
	assert_int_equal(line.site_count, 1);
	assert_int_equal(line.sites[0].figures.count, 5);
	assert_int_equal(line.sites[0].figures.saved, 6);
	assert_int_equal(line.sites[0].figures.destroyed, 7);
	assert_int_equal(line.sites[0].figures.outcomes[OUTCOME_SEEN], 4);
	assert_int_equal(line.sites[0].stack_id.len, 0);
}

static void what_is_no_object_is_no_line(void **state)
{
	static const char *const bad[] = {"", "[]", "7", "{\"a\":1", "{\"a\":tru}", "{} {}",
		"{\"a\":\"\x01\"}", "{\"a\":\"\xff\"}", "{\"a\":1,}"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(read_text(bad[i]));
	assert_true(read_text("{\"time\":\"2026-13-01T00:00:00.000000Z\",\"pid\":-1,\"op\":[]}"));
	assert_int_equal(line.time_us, LINE_UNKNOWN);
	assert_int_equal(line.kind, LINE_OTHER);
	assert_int_equal(line.pid, 0);
}

static void peers_are_the_same_in_every_order(void **state)
{
	struct peers up = {.list = NULL}, down = {.list = NULL}, odd = {.list = NULL};
	char text[40];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "10.0.%d.%d:%d", i / 250, i % 250, i);
		peers_add(i % 2 ? &odd : &up, span_of(text), 2);
		snprintf(text, sizeof(text), "10.0.%d.%d:1", (999 - i) / 250, (999 - i) % 250);
		peers_add(&down, span_of(text), 2);
	}
	peers_merge(&up, &odd);
	assert_int_equal(up.count, PEERS_KEPT);
	assert_memory_equal(up.list, down.list, PEERS_KEPT * sizeof(*up.list));
	assert_in_range(peers_number(&up), 600, 1600);
	free(up.list);
	free(down.list);
	free(odd.list);
}

static void a_few_peers_are_counted_exactly(void **state)
{
	struct peers p = {.list = NULL};

	(void)state;
	peers_add(&p, span_of("10.0.0.1:1"), 1);
	peers_add(&p, span_of("[2001:db8::1]:443"), 5);
	peers_add(&p, span_of("10.0.0.1:2"), 1);
	peers_add(&p, span_of(""), 1);
	peers_sort(&p);
	assert_int_equal(peers_number(&p), 2);
	assert_string_equal(p.list[0].address, "2001:db8::1");
	assert_int_equal(p.list[1].events, 2);
	free(p.list);
}

static uint64_t total(const struct timeline *t)
{
	uint64_t n = 0;

	for (int64_t part = t->first >> t->shift; part <= t->last >> t->shift; part++)
		n += timeline_at(t, part);
	return n;
}

static void a_timeline_is_as_fine_as_its_length_allows(void **state)
{
	struct timeline t = {.counts = NULL}, early = {.counts = NULL};

	(void)state;
	for (int64_t second = 1000000; second < 1000064; second++)
		timeline_add(&t, second, 1);
	assert_int_equal(t.shift, 0);
	timeline_add(&t, 1000000 + 604800, 7);
	assert_int_equal(t.shift, 14);
	assert_int_equal(total(&t), 71);
	timeline_add(&early, 5, 9);
	timeline_merge(&t, &early);
	assert_int_equal(total(&t), 80);
	assert_int_equal(timeline_at(&t, 0), 9);
	timeline_free(&t);
	timeline_free(&early);
	t = early = (struct timeline){.counts = NULL};
	timeline_add(&early, 5, 1);
	timeline_add(&early, INT64_C(250000000000), 1); /* the year 9892 */
	timeline_merge(&t, &early);			/* at once, into an empty one */
	assert_int_equal(total(&t), 2);
	timeline_free(&t);
	timeline_free(&early);
}

/* Closes that begin and end in any order leave exactly those that have not ended. */
static void what_lingers_is_found_again(void **state)
{
	struct pending p = {.slots = NULL};
	uint64_t left = 0;

	(void)state;
	for (uint64_t i = 1; i <= 20000; i++) {
		pending_begin(&p, hash_number(3, i % 7 ? i : i << 40), NULL, (uint32_t)i);
		if (i > 500 && i % 500)
			pending_end(&p, hash_number(3, (i - 500) % 7 ? i - 500 : (i - 500) << 40));
		pending_end(&p, i); /* nobody's */
	}
	for (size_t i = 0; i < p.size; i++)
		left += p.slots[i].key != 0;
	assert_int_equal(left, p.used);
	assert_int_equal(left, 500 + 39);
	assert_in_range(p.size, 1024, 2048);
	pending_free(&p);
}

static void add_text(struct tally *t, const char *text)
{
	struct moment m;

	assert_true(read_text(text));
	tally_line(t, &line, &m);
}

#define RST(program, second, more) \
	"{\"event\":\"rst\",\"time\":\"2026-11-22T12:00:0" second \
	".000000Z\",\"pattern\":\"a\",\"op\":\"b\"," \
	"\"outcome\":\"reset\",\"harm\":\"output-lost\",\"program\":\"" program "\"," more "}"

static void two_tallies_are_one(void **state)
{
	static const char *const texts[] = {
		RST("p", "5",
			"\"stack_id\":\"1\",\"unsent\":7,\"armed_by\":{\"op\":\"x\",\"stack_id\":\"8\"},\"frames\":[{\"module\":\"/late\"}]"),
		RST("p", "1",
			"\"stack_id\":\"1\",\"unsent\":8,\"armed_by\":{\"op\":\"x\",\"stack_id\":\"9\"},\"frames\":[{\"module\":\"/early\"}]"),
		RST("q", "2", "\"stack_id\":\"1\",\"unsent\":100"),
		"{\"event\":\"summary\",\"time\":\"2026-11-22T12:00:09.000000Z\",\"program\":\"q\","
		"\"lost\":3,\"callsites\":[{\"pattern\":\"a\",\"op\":\"b\",\"stack_id\":\"1\",\"count\":9,"
		"\"destroyed\":900,\"outcomes\":{\"reset\":9}}]}",
		"{\"event\":\"notice\",\"code\":\"c\",\"text\":\"t\"}",
	};

	(void)state;
	for (unsigned split = 0; split < 32; split++) { /* who reads which line */
		struct tally *ours = tally_new(), *theirs = tally_new();
		const struct stack *stack;

		for (unsigned i = 0; i < 5; i++)
			add_text(split >> i & 1 ? theirs : ours, texts[i]);
		tally_merge(ours, theirs);
		tally_free(theirs);
		tally_end(ours);
		assert_int_equal(ours->site_count, 2);
		assert_string_equal(ours->sites[0].program, "q");
		assert_int_equal(ours->sites[0].sum.destroyed, 900);
		assert_int_equal(ours->sites[0].sum.count, 9);
		assert_int_equal(ours->sites[1].sum.destroyed, 15);
		assert_int_equal(ours->sites[1].last_us - ours->sites[1].first_us, 4000000);
		assert_string_equal(ours->sites[1].armed_id, "9");
		assert_int_equal(ours->lost, 3);
		assert_int_equal(ours->notices[0].count, 1);
		stack = stacks_find(&ours->stacks, "1");
		assert_string_equal(stack->frames[0].module, "/early");
		tally_free(ours);
	}
}

static void numbers_are_for_people(void **state)
{
	char text[WHEN_SIZE];

	(void)state;
	assert_string_equal(number_grouped(text, 0), "0");
	assert_string_equal(number_grouped(text, 1234567), "1,234,567");
	assert_string_equal(number_grouped(text, UINT64_MAX), "18,446,744,073,709,551,615");
	assert_string_equal(number_bytes(text, 999), "999 B");
	assert_string_equal(number_bytes(text, 1000), "1.0 kB");
	assert_string_equal(number_bytes(text, 999999), "1.0 MB");
	assert_string_equal(number_bytes(text, UINT64_MAX), "18 EB");
	assert_string_equal(
		when_exact(text, INT64_C(1795348800123456)), "2026-11-22T12:00:00.123456Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_of_the_shim_is_read),
		cmocka_unit_test(a_summary_is_read),
		cmocka_unit_test(what_is_no_object_is_no_line),
		cmocka_unit_test(peers_are_the_same_in_every_order),
		cmocka_unit_test(a_few_peers_are_counted_exactly),
		cmocka_unit_test(a_timeline_is_as_fine_as_its_length_allows),
		cmocka_unit_test(what_lingers_is_found_again),
		cmocka_unit_test(two_tallies_are_one),
		cmocka_unit_test(numbers_are_for_people),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
