/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "judge.h"
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

/* What a row of the table shows. */
struct scene {
	const char *title;
	const char
		*victim; /* a name of judge.h, which tells the pattern and what has to come of it */
};

static const struct scene scenes[] = {
	{"unread-close", "unread_close"},
	{"linger-zero, config", "linger_zero_listener"},
	{"linger-zero, abort", "linger_zero_abort"},
	{"linger2-negative", "linger2_accepted"},
	{"shutdown-read", "shutdown_rdwr"},
	{"late-data", "late_data"},
	{"listener-close", "listener_close"},
	{"listener-close, rule", "listener_close_ruled"},
	{"disconnect", "disconnect"},
	{"write-after-close", "write_after_close"},
	{"peer-reset", "peer_reset"},
	{"connect-refused", "connect_refused"},
	{"timed-out", "timed_out"},
	{"(clean close)", "clean_close"},
};

#define SCENES (sizeof(scenes) / sizeof(scenes[0]))

struct lab {
	char library[PATH_MAX];
	char log[PATH_MAX]; /* of the trial that runs */
	bool trace;
	unsigned wrong;
};

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* NULL for the row of a clean ending. */
static const char *pattern_of(const struct scene *s)
{
	return claim_for(s->victim)->pattern;
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

static void print_row(const struct scene *s, enum judge_mode mode, const struct trial_result *r,
	const struct event_log *log)
{
	char bytes[64] = "-", event[512];

	if (r->end != END_NONE)
		snprintf(bytes, sizeof(bytes), "%" PRIu64 " of %" PRIu64, r->got, r->sent);
	describe_event(event, sizeof(event), log);
	printf("%-20s %-6s %3" PRIu64 "  %-20s %-8s %s\n", s->title, judge_mode_names[mode],
		r->rsts, bytes, peer_end_name(r->end), event);
	for (uint32_t i = 0; i < r->traced; i++)
		printf("%-20s %-6s      %s sent it in %s: %s\n", "", "", r->resets[i].source,
			r->resets[i].state, r->resets[i].reason);
}

/* False: no trial was to be had, and nothing more should be tried. */
static bool run_scene(struct lab *lab, const struct scene *s, enum judge_mode mode)
{
	static const char *const command[] = {"/proc/self/exe", "victim", NULL};
	const char *const env[] = {judge_policy(s->victim), NULL};
	struct trial t = {.command = command,
		.victim = s->victim,
		.door = "close",
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
	print_row(s, mode, &r, &log);
	if (f.text[0])
		printf("%-20s %-6s      WRONG: %s\n", "", "", f.text);
	lab->wrong += f.text[0] != '\0';
	return true;
}

static bool wanted(const struct scene *s, char **patterns)
{
	if (!*patterns)
		return true;
	for (; *patterns; patterns++) {
		if (pattern_of(s) && is(pattern_of(s), *patterns))
			return true;
	}
	return false;
}

static int run_scenes(struct lab *lab, char **patterns)
{
	printf("%-20s %-6s RST  %-20s %-8s %s\n", "pattern", "mode", "bytes the peer got",
		"its end", "event");
	for (size_t i = 0; i < SCENES; i++) {
		for (int mode = 0; mode < JUDGE_MODES && wanted(&scenes[i], patterns); mode++) {
			if (!run_scene(lab, &scenes[i], (enum judge_mode)mode))
				return EXIT_SKIPPED;
		}
	}
	if (lab->wrong)
		printf("%u rows are not as they should be\n", lab->wrong);
	return lab->wrong ? 1 : 0;
}

static int refuse_pattern(const char *name)
{
	char allowed[256] = "";

	for (size_t i = 0; i < SCENES; i++) {
		const char *pattern = pattern_of(&scenes[i]);

		if (!pattern || strstr(allowed, pattern))
			continue;
		if (*allowed)
			strcat(allowed, ", ");
		strcat(allowed, pattern);
	}
	return say_refusal("lab", "the pattern", name, allowed);
}

static bool known(const char *pattern)
{
	for (size_t i = 0; i < SCENES; i++) {
		if (pattern_of(&scenes[i]) && is(pattern_of(&scenes[i]), pattern))
			return true;
	}
	return false;
}

int cmd_lab(int argc, char **argv)
{
	char directory[] = "/tmp/rstfix-lab-XXXXXX";
	struct lab lab = {0};
	int status, first = 1;

	if (argc > 1 && is(argv[1], "--trace")) {
		lab.trace = true;
		first = 2;
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
