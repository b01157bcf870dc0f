/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "prometheus.h"
#include "report/baseline.h"
#include "report/correlate.h"
#include "report/read.h"
#include "report/report.h"
#include "say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_NEW 1 /* callsites that the baseline does not know */

#define OPTIONS \
	"--format, --baseline, --correlate, --sysroot, --perf-map, then files and folders, or -"

static const struct format {
	const char *name;
	void (*write)(const struct report *r, FILE *out);
} formats[] = {
	{"text", report_text}, {"json", report_json}, {"html", report_html},
	{"folded", report_folded}, {"sarif", report_sarif}, {"junit", report_junit},
	{"prometheus", NULL}, /* of counters, not of logs */
};

struct options_given {
	const char *format, *baseline, *sysroot, *perf_maps;
	const struct format *as;
	bool correlate;
};

static const struct format *format_named(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	}
	return NULL;
}

static const char **value_option(struct options_given *o, const char *name, size_t len)
{
	struct span s = {name, len};

	return span_is(s, "format")	 ? &o->format
		: span_is(s, "baseline") ? &o->baseline
		: span_is(s, "sysroot")	 ? &o->sysroot
		: span_is(s, "perf-map") ? &o->perf_maps
					 : NULL;
}

/* An option at argv[*at], and moves past it. */
static int read_option(struct options_given *o, char **argv, int *at)
{
	const char *word = argv[*at] + 2, *equals = strchr(word, '='), **into;

	if (strcmp(word, "correlate") == 0) {
		o->correlate = true;
		++*at;
		return 0;
	}
	into = value_option(o, word, equals ? (size_t)(equals - word) : strlen(word));
	if (!into)
		return say_refusal("report", "the option", argv[*at], OPTIONS);
	*into = equals ? equals + 1 : argv[*at + 1];
	if (!*into || !**into)
		return say_refusal("report", argv[*at], "", "a value; see 'rstfix help report'");
	*at += equals ? 1 : 2;
	return 0;
}

/* Options may stand before and behind the files, which stay in argv[1..*count]. */
static int read_command_line(struct options_given *o, char **argv, int *count)
{
	int refused, at = 1;

	*count = 0;
	while (argv[at]) {
		if (strcmp(argv[at], "--") == 0) {
			for (at++; argv[at]; at++)
				argv[++*count] = argv[at];
			break;
		}
		if (strncmp(argv[at], "--", 2) != 0) {
			argv[++*count] = argv[at++];
			continue;
		}
		refused = read_option(o, argv, &at);
		if (refused)
			return refused;
	}
	o->as = format_named(o->format);
	if (!o->as)
		return say_refusal("report", "--format", o->format,
			"text, json, html, folded, sarif, junit, prometheus");
	return *count
		? 0
		: say_refusal("report", "the log", "", "files, folders, or - for standard input");
}

static int refuse_file(const char *path)
{
	say("report", "%s: %s: allowed is a log, a folder of logs, or -", path, strerror(errno));
	return EXIT_REFUSED;
}

static int correlate_logs(const struct options_given *o, char **files, int count)
{
	struct input ends[2] = {{.files = NULL}, {.files = NULL}};
	struct correlate_options options = {
		strcmp(o->format, "json") == 0, o->sysroot, o->perf_maps};

	if (count != 2 || strcmp(files[0], "-") == 0 || strcmp(files[1], "-") == 0)
		return say_refusal("report", "with --correlate the logs", count ? files[0] : "",
			"two files or folders: the server's, then the client's");
	if (o->baseline)
		return say_refusal("report", "with --correlate --baseline", o->baseline, "none");
	if (!options.json && strcmp(o->format, "text") != 0)
		return say_refusal("report", "with --correlate --format", o->format, "text, json");
	for (int i = 0; i < 2; i++) {
		if (!input_add(&ends[i], files[i]))
			return refuse_file(files[i]);
		input_sort(&ends[i]);
	}
	correlate(&ends[0], &ends[1], &options, stdout);
	input_free(&ends[0]);
	input_free(&ends[1]);
	return 0;
}

static int report_counters(const struct options_given *o, char **folders, int count)
{
	if (count != 1)
		return say_refusal("report", "with --format prometheus the folder", folders[1],
			"one folder of RSTFIX_STATS");
	if (o->baseline)
		return say_refusal(
			"report", "with --format prometheus --baseline", o->baseline, "none");
	return prometheus_print(stdout, "report", folders[0]);
}

static int read_baseline(struct report *r, const char *path)
{
	r->baseline = baseline_read(path);
	if (r->baseline)
		return 0;
	say("report", "%s: %s: allowed is a log in JSON, or a report in JSON", path,
		errno ? strerror(errno) : "it is neither");
	return EXIT_REFUSED;
}

static void free_report(struct report *r)
{
	if (r->baseline)
		baseline_free(r->baseline);
	symbols_free(&r->symbols);
	tally_free(r->tally);
	input_free(&r->input);
}

/* A report that was not written whole must not look like one. */
static int end_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	say("report", "standard output: %s", strerror(errno));
	return EXIT_REFUSED;
}

int cmd_report(int argc, char **argv)
{
	struct options_given o = {.format = "text", .sysroot = ""};
	struct report r = {.tally = NULL};
	int count, refused;
	size_t fresh = 0;

	(void)argc;
	refused = read_command_line(&o, argv, &count);
	if (refused)
		return refused;
	if (o.correlate)
		return end_output(correlate_logs(&o, argv + 1, count));
	if (!o.as->write)
		return end_output(report_counters(&o, argv + 1, count));
	for (int i = 1; i <= count; i++) {
		if (!input_add(&r.input, argv[i]))
			return refuse_file(argv[i]);
	}
	refused = o.baseline ? read_baseline(&r, o.baseline) : 0;
	if (refused)
		return refused;
	input_sort(&r.input);
	r.tally = read_tally(&r.input);
	symbols_resolve(&r.symbols, &r.tally->stacks,
		&(struct symbols_from){o.sysroot, {o.perf_maps, {&r.input, NULL}}});
	if (r.baseline)
		fresh = baseline_compare(r.baseline, r.tally);
	o.as->write(&r, stdout);
	free_report(&r);
	return end_output(fresh ? EXIT_NEW : 0);
}
