/* SPDX-License-Identifier: MIT */
/* Any bytes as a log: read by two tallies in turn, put together, written in every form but the page's. */
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *nowhere;

static void read_log(struct tally *tallies[2], struct pending *pending, char *text, size_t size)
{
	struct line_reader *reader = line_reader_new();
	struct line *line = memory_get(1, sizeof(*line));
	char *end = text + size, *newline;
	struct moment m;

	for (unsigned i = 0; text < end; text = newline + 1, i++) {
		newline = memchr(text, '\n', (size_t)(end - text));
		newline = newline ? newline : end;
		if (!line_read(reader, line, text, (size_t)(newline - text)))
			continue;
		tally_line(tallies[i % 2], line, &m);
		if (m.key && m.begins)
			pending_begin(pending, m.key, tallies[i % 2], m.part);
		else if (m.key)
			pending_end(pending, m.key);
	}
	line_reader_free(reader);
	free(line);
}

static void write_report(struct tally *sum)
{
	struct report r = {.tally = sum};

	report_text(&r, nowhere);
	report_json(&r, nowhere);
	report_folded(&r, nowhere);
	report_sarif(&r, nowhere);
	report_junit(&r, nowhere);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally *tallies[2] = {tally_new(), tally_new()};
	struct pending pending = {.slots = NULL};
	char *text = memory_get(size + LINE_ROOM, 1);

	nowhere = nowhere ? nowhere : fopen("/dev/null", "w");
	memcpy(text, data, size);
	read_log(tallies, &pending, text, size);
	pending_free(&pending);
	tally_merge(tallies[0], tallies[1]);
	tally_free(tallies[1]);
	tally_end(tallies[0]);
	write_report(tallies[0]);
	tally_free(tallies[0]);
	free(text);
	return 0;
}
