/* SPDX-License-Identifier: MIT */
/*
 * The reader of counter files under libFuzzer: any bytes. What is taken is shown in every way, so that
 * all that was read is looked at.
 */
#include "prometheus.h"
#include "toprows.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "fuzz_stats: %s\n", what);
	abort();
}

static void show_rows(const struct stats_folder *f)
{
	static char line[8192];
	struct top_rows rows, before;

	check(top_rows_make(&rows, f) && top_rows_make(&before, f), "no memory");
	top_rows_rate(&rows, &before, 1);
	for (size_t i = 0; i < rows.count; i++) {
		struct text t = text_on(line, sizeof(line));

		check(rows.list[i].rate == 0, "a rate though nothing has changed");
		top_rows_print(&t, &rows.list[i], i % 2);
		for (const char *p = text_end(&t); *p; p++)
			check((unsigned char)*p >= ' ' && *p != 0x7f, "a control character");
	}
	top_rows_sort(&rows, TOP_RATE);
	free(rows.list);
	free(before.list);
}

/* Each line is a comment or a sample; the labels stand between braces. */
static void show_prometheus(const struct stats_folder *f)
{
	char *text = NULL, *line, *rest;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	check(out && prometheus_write(out, f) && fclose(out) == 0, "no memory");
	for (rest = text; (line = strsep(&rest, "\n")) != NULL && *line;)
		check(*line == '#' || strncmp(line, "rstfix_", 7) == 0, "a line of its own");
	check(!rest, "an empty line");
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stats_process list[2];
	struct stats_folder f = {.list = list, .count = 2};
	void *one = malloc(size), *two = malloc(size); /* exactly: a byte too many is seen */

	memcpy(one, data, size);
	memcpy(two, data, size);
	if (!stats_parse(&list[0], one, size)) {
		free(two);
		return 0;
	}
	check(stats_parse(&list[1], two, size), "the same bytes are refused");
	show_rows(&f);
	show_prometheus(&f);
	stats_free(&list[0]);
	stats_free(&list[1]);
	return 0;
}
