/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "calls.h"
#include "cells.h"
#include "preload.h"
#include "say.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_SKIPPED 77

/* Pattern, door or call, mode. */
#define ROW "%-20s %-19s %-6s"

struct lab {
	char library[PATH_MAX];
	char log[PATH_MAX]; /* of the trial that runs */
	bool trace, doors;
	unsigned wrong;
};

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static void describe_event(char *out, size_t size, const struct event_log *log)
{
	const struct event *e = &log->first[0];
	const char *module = strrchr(e->module, '/');

	snprintf(out, size, "%s", "-");
	if (log->rsts == 0)
		return;
	snprintf(out, size, "%s %s %s %s%s%s at %s+%s", e->pattern, e->op, e->action, e->outcome,
		*e->intent ? " " : "", e->intent, module ? module + 1 : e->module, e->offset);
}

/* What does neither close by a door nor fail by a call of the trial's choice does one thing. */
static const char *call_of(const struct claim *c, const char *way)
{
	return c->op && !call_named(way) ? c->op : way;
}

static void print_row(const struct claim *c, const char *way, enum judge_mode mode,
	const struct trial_result *r, const struct event_log *log)
{
	char bytes[64] = "-", event[512], title[64];

	if (r->end != END_NONE)
		snprintf(bytes, sizeof(bytes), "%" PRIu64 " of %" PRIu64, r->got, r->sent);
	describe_event(event, sizeof(event), log);
	snprintf(title, sizeof(title), "%s%s%s%s", c->pattern ? c->pattern : "(clean close)",
		*c->intent ? ", " : "", c->intent, judge_policy(c->victim) ? ", rule" : "");
	printf(ROW " %3" PRIu64 "  %-20s %-8s %s\n", title, call_of(c, way), judge_mode_names[mode],
		r->rsts, bytes, peer_end_name(r->end), event);
	for (uint32_t i = 0; i < r->traced; i++)
		printf(ROW "      %s sent it in %s: %s\n", "", "", "", r->resets[i].source,
			r->resets[i].state, r->resets[i].reason);
}

/* False: no trial was to be had, and nothing more should be tried. */
static bool run_scene(struct lab *lab, const struct claim *c, const char *way, enum judge_mode mode)
{
	static const char *const command[] = {"/proc/self/exe", "victim", NULL};
	const char *const env[] = {judge_policy(c->victim), NULL};
	struct trial t = {.command = command,
		.victim = c->victim,
		.door = way,
		.mode = mode == JUDGE_BARE ? NULL : judge_mode_names[mode],
		.preload = mode == JUDGE_BARE ? NULL : lab->library,
		.log = lab->log,
		.env = env,
		.trace = lab->trace};
	struct trial_result r;
	struct event_log log;
	struct finding f;

	trial_run(&t, &r);
	if (r.skipped[0]) {
		printf("SKIP %s\n", r.skipped);
		return false;
	}
	judge(&f, &t, &r, &log);
	unlink(lab->log);
	print_row(c, way, mode, &r, &log);
	if (f.text[0])
		printf(ROW "      WRONG: %s\n", "", "", "", f.text);
	lab->wrong += f.text[0] != '\0';
	return true;
}

static bool wanted(const struct claim *c, char **patterns)
{
	if (!*patterns)
		return true;
	for (; *patterns; patterns++) {
		if (c->pattern && is(c->pattern, *patterns))
			return true;
	}
	return false;
}

/* By the way that the victim goes by itself, or by each. */
static bool run_ways(struct lab *lab, const struct claim *c)
{
	const char *way;

	for (size_t n = 0; (way = cells_way(c, n)) && (n == 0 || lab->doors); n++) {
		for (int mode = 0; mode < JUDGE_MODES; mode++) {
			if (!run_scene(lab, c, way, (enum judge_mode)mode))
				return false;
		}
	}
	return true;
}

static int run_scenes(struct lab *lab, char **patterns)
{
	const struct claim *c;

	printf(ROW " RST  %-20s %-8s %s\n", "pattern", "call", "mode", "bytes the peer got",
		"its end", "event");
	for (size_t i = 0; (c = cells_scene(i)); i++) {
		if (wanted(c, patterns) && !run_ways(lab, c))
			return EXIT_SKIPPED;
	}
	if (lab->wrong)
		printf("%u rows are not as they should be\n", lab->wrong);
	return lab->wrong ? 1 : 0;
}

static int refuse_pattern(const char *name)
{
	char allowed[512] = "";
	const struct claim *c;

	for (size_t i = 0; (c = cells_scene(i)); i++) {
		if (!c->pattern || strstr(allowed, c->pattern))
			continue;
		if (*allowed)
			strcat(allowed, ", ");
		strcat(allowed, c->pattern);
	}
	return say_refusal("lab", "the pattern", name, allowed);
}

static bool known(const char *pattern)
{
	char *one[] = {(char *)pattern, NULL};
	const struct claim *c;

	for (size_t i = 0; (c = cells_scene(i)); i++) {
		if (wanted(c, one))
			return true;
	}
	return false;
}

int cmd_lab(int argc, char **argv)
{
	char directory[] = "/tmp/rstfix-lab-XXXXXX";
	struct lab lab = {0};
	int status, first = 1;

	for (; first < argc && strncmp(argv[first], "--", 2) == 0; first++) {
		if (is(argv[first], "--trace"))
			lab.trace = true;
		else if (is(argv[first], "--doors"))
			lab.doors = true;
		else
			return say_refusal("lab", "the option", argv[first], "--doors, --trace");
	}
	for (int i = first; i < argc; i++) {
		if (!known(argv[i]))
			return refuse_pattern(argv[i]);
	}
	if (!preload_find(lab.library))
		return preload_refuse("lab", lab.library, errno);
	if (!mkdtemp(directory)) {
		say("lab", "%s: %s", directory, strerror(errno));
		return EXIT_REFUSED;
	}
	snprintf(lab.log, sizeof(lab.log), "%s/log", directory);
	status = run_scenes(&lab, argv + first);
	rmdir(directory);
	return status;
}
