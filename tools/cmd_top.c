/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "prometheus.h"
#include "say.h"
#include "toprows.h"
#include "topscreen.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct request {
	const char *dir;
	enum top_order order;
	bool once, prometheus, remove_ended;
};

static bool parse_order(const char *word, enum top_order *order)
{
	static const char *const words[] = {
		[TOP_RATE] = "rate",
		[TOP_EVENTS] = "events",
		[TOP_LOST] = "lost",
		[TOP_UNREAD] = "unread",
		[TOP_PROGRAM] = "program",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i], word) == 0) {
			*order = (enum top_order)i;
			return true;
		}
	}
	return false;
}

static int parse_option(struct request *r, int c, char **argv)
{
	switch (c) {
	case 'o':
		r->once = true;
		return 0;
	case 'r':
		r->once = r->remove_ended = true;
		return 0;
	case 's':
		if (parse_order(optarg, &r->order))
			return 0;
		return say_refusal("top", "--sort", optarg, "rate, events, lost, unread, program");
	case 'f':
		r->prometheus = strcmp(optarg, "prometheus") == 0;
		if (r->prometheus || strcmp(optarg, "text") == 0)
			return 0;
		return say_refusal("top", "--format", optarg, "text, prometheus");
	default:
		return say_refusal("top", c == ':' ? "an option without its value" : "an option",
			argv[optind - 1],
			"--once, --sort KEY, --format FORMAT, --remove-ended, and a folder");
	}
}

static int parse(struct request *r, int argc, char **argv)
{
	static const struct option options[] = {{"once", no_argument, NULL, 'o'},
		{"remove-ended", no_argument, NULL, 'r'}, {"sort", required_argument, NULL, 's'},
		{"format", required_argument, NULL, 'f'}, {NULL, 0, NULL, 0}};
	int c, refused = 0;

	opterr = 0;
	while (!refused && (c = getopt_long(argc, argv, ":", options, NULL)) != -1)
		refused = parse_option(r, c, argv);
	if (refused)
		return refused;
	if (r->prometheus && r->remove_ended)
		return say_refusal("top", "--remove-ended with --format", "prometheus", "text");
	if (argc - optind > 1)
		return say_refusal("top", "one folder more", argv[optind + 1], "one folder");
	r->dir = optind < argc ? argv[optind] : getenv("RSTFIX_STATS");
	if (!r->dir || !*r->dir)
		return say_refusal("top", "the folder", "",
			"the one of the counter files; RSTFIX_STATS names it, too");
	return 0;
}

static int print_once(const struct request *r)
{
	struct stats_folder f;
	struct top_rows rows = {0};
	const char *why = stats_folder_read(&f, r->dir);
	char line[2048];
	struct text t = text_on(line, sizeof(line));
	size_t removed = 0;
	bool made;

	if (why) {
		say("top", "%s: %s; a folder of counter files is wanted (RSTFIX_STATS)", r->dir,
			why);
		return EXIT_REFUSED;
	}
	if (r->remove_ended)
		stats_folder_keep_ended(&f);
	made = top_rows_make(&rows, &f);
	top_rows_sort(&rows, r->order);
	top_rows_head(&t);
	puts(text_end(&t));
	for (size_t i = 0; i < rows.count; i++) {
		t = text_on(line, sizeof(line));
		top_rows_print(&t, &rows.list[i], false);
		puts(text_end(&t));
	}
	made &= fflush(stdout) == 0;
	if (made && r->remove_ended)
		removed = stats_folder_remove(&f, r->dir);
	if (removed < f.count && r->remove_ended)
		say("top", "%zu of %zu files of ended processes could not be removed",
			f.count - removed, f.count);
	if (f.unreadable)
		say("top", "%zu files have the name of a counter file and are none", f.unreadable);
	free(rows.list);
	stats_folder_free(&f);
	return made ? 0 : 1;
}

int cmd_top(int argc, char **argv)
{
	struct request r = {.order = TOP_RATE};
	int refused = parse(&r, argc, argv);

	if (refused)
		return refused;
	if (r.prometheus)
		return prometheus_print(stdout, "top", r.dir);
	if (r.once || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return print_once(&r);
	return topscreen_run(r.dir, r.order);
}
