/* SPDX-License-Identifier: MIT */
#include "gate.h"

#include "callsites.h"
#include "policy/rules.h"
#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int gate_options(struct gate *g)
{
	uint32_t status = 1;

	if (!g->fail_on && (g->baseline || g->exitcode)) {
		say("run", "--baseline and --error-exitcode belong to --fail-on: give it, too");
		return EXIT_REFUSED;
	}
	if (!g->fail_on)
		return 0;
	if (!rules_patterns(span_of(g->fail_on), &g->patterns))
		return say_refusal("run", "--fail-on", g->fail_on,
			"patterns, separated by commas, or *; see 'rstfix help patterns'");
	if (g->exitcode && !parse_number(span_of(g->exitcode), 1, 255, &status))
		return say_refusal("run", "--error-exitcode", g->exitcode, "1 to 255");
	g->status = (int)status;
	return 0;
}

/* What would let the gate pass because it sees nothing. */
static int refuse_blind(const struct gate *g, const struct options *o)
{
	if (o->mode == MODE_OFF)
		return say_refusal("run", "with --fail-on the mode", "off", "audit, fix");
	if (o->rate == 0)
		return say_refusal("run", "with --fail-on RSTFIX_RATE", "0", "1 to 1000000");
	if (o->backtrace == 0 && g->baseline)
		return say_refusal("run", "with --baseline RSTFIX_BACKTRACE", "0", "1 to 64");
	if (o->format == FORMAT_TEXT && getenv("RSTFIX_FORMAT") && *getenv("RSTFIX_FORMAT"))
		return say_refusal("run", "with --fail-on the format", "text", "json");
	if (o->log == LOG_SYSLOG || o->log == LOG_JOURNAL ||
		(o->log == LOG_FILE && strchr(o->log_path, '%')))
		return say_refusal("run", "with --fail-on the log", getenv("RSTFIX_LOG"),
			"the path of one file for all processes, without %, or none of it");
	return 0;
}

/*
 * Processes that become another user must be able to write it, so it is anybody's who knows it, in
 * a folder that all can reach.
 */
static bool make_log(struct gate *g)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	snprintf(g->log, sizeof(g->log), "/tmp/rstfix-run-XXXXXX");
	if (!mkdtemp(g->log)) {
		if (!folder || *folder != '/' || strchr(folder, '%') ||
			strlen(folder) > PATH_MAX - 64)
			return false;
		snprintf(g->log, sizeof(g->log), "%s/rstfix-run-XXXXXX", folder);
		if (!mkdtemp(g->log))
			return false;
	}
	if (chmod(g->log, 0711) != 0)
		return false;
	strcat(g->log, "/events.json");
	fd = open(g->log, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 || fchmod(fd, 0666) != 0)
		return false;
	close(fd);
	return true;
}

/* Where the caller wants the log as well. Opened before the command runs, which may change much. */
static bool open_copy(struct gate *g, const char *path)
{
	g->copy_path = path;
	g->copy = fopen(path, "ae");
	return g->copy != NULL;
}

/* An event that is counted only is lost with a process that ends without a summary. */
static int refuse_rate_zero(const struct rules *rules)
{
	for (uint32_t i = 0; i < rules->count; i++) {
		if ((rules->list[i].options & OPTION_RATE) && rules->list[i].rate == 0)
			return say_refusal("run", "with --fail-on a rule's rate",
				rules->list[i].text, "1 to 1000000; ignore for what is to pass");
	}
	return 0;
}

int gate_open(struct gate *g, const struct options *o, const struct rules *rules)
{
	int refused = refuse_blind(g, o);

	if (refused == 0)
		refused = refuse_rate_zero(rules);
	if (refused)
		return refused;
	if (o->log == LOG_FILE && !open_copy(g, o->log_path)) {
		say("run", "%s: %s: allowed is a file that can be written", o->log_path,
			strerror(errno));
		return EXIT_REFUSED;
	}
	if (!make_log(g)) {
		say("run", "%s: %s: the gate needs a log that it can read", g->log,
			strerror(errno));
		return EXIT_REFUSED;
	}
	if (setenv("RSTFIX_LOG", g->log, 1) != 0 || setenv("RSTFIX_FORMAT", "json", 1) != 0)
		return EXIT_REFUSED;
	if (!o->follow)
		say("run", "warning: RSTFIX_FOLLOW is 0, so the gate sees the first program only");
	return 0;
}

/* Appends what the gate's log has to the caller's. */
static bool copy_log(struct gate *g)
{
	FILE *from = fopen(g->log, "re");
	char part[65536];
	size_t n;
	bool whole = from != NULL;

	while (from && (n = fread(part, 1, sizeof(part), from)) > 0)
		whole &= fwrite(part, 1, n, g->copy) == n;
	if (from)
		fclose(from);
	return fclose(g->copy) == 0 && whole;
}

/* The log stays where the caller's could not be written: nothing is lost. */
static void end_log(struct gate *g)
{
	char folder[PATH_MAX];

	if (g->copy && !copy_log(g)) {
		say("run", "%s: %s: the events are in %s", g->copy_path, strerror(errno), g->log);
		return;
	}
	unlink(g->log);
	strcpy(folder, g->log);
	*strrchr(folder, '/') = '\0';
	rmdir(folder);
}

static void print_frames(const struct callsite_seen *c)
{
	for (unsigned i = 0; i < c->frames; i++)
		fprintf(stderr, "    #%u %s\n", i, c->frame[i]);
}

static void print_callsite(const struct gate *g, const struct callsite_seen *c)
{
	say("run", "%s by %s() in %s, %llu time%s, stack %s%s", c->pattern, c->op, c->program,
		(unsigned long long)c->count, c->count == 1 ? "" : "s",
		*c->stack_id ? c->stack_id : "unknown", g->baseline ? ": not in the baseline" : "");
	print_frames(c);
}

static bool fails(const struct gate *g, const struct callsite_seen *c)
{
	int number = rules_pattern_number(span_of(c->pattern));

	/* A pattern that this command does not know is no reason to pass. */
	return number < 0 || (g->patterns >> number & 1);
}

static void warn(const struct callsites *seen)
{
	if (callsites_lost(seen))
		say("run",
			"%llu lines of the log were lost or are broken, so more may have happened: the "
			"gate does not pass",
			(unsigned long long)callsites_lost(seen));
	if (callsites_sandboxed(seen))
		say("run",
			"warning: %llu processes have installed a seccomp filter: what they did from then on "
			"was not seen",
			(unsigned long long)callsites_sandboxed(seen));
}

bool gate_judge(struct gate *g)
{
	struct callsites *known = callsites_new(), *seen = callsites_new();
	unsigned fresh = 0, old = 0;
	bool based = known && seen && (!g->baseline || callsites_read(known, g->baseline));
	bool read = based && callsites_read(seen, g->log);

	if (!read)
		say("run", "%s: %s: the gate cannot pass what it cannot read",
			based || !g->baseline ? g->log : g->baseline, strerror(errno));
	for (size_t i = 0; read && i < callsites_count(seen); i++) {
		const struct callsite_seen *c = callsites_at(seen, i);

		if (!fails(g, c))
			continue;
		if (callsites_known(known, c->stack_id)) {
			old++;
			continue;
		}
		fresh++;
		print_callsite(g, c);
	}
	warn(seen);
	if (fresh || old)
		say("run", "%s: %u new callsite%s, %u in the baseline", g->fail_on, fresh,
			fresh == 1 ? "" : "s", old);
	read = read && callsites_lost(seen) == 0;
	callsites_free(known);
	callsites_free(seen);
	end_log(g);
	return read && fresh == 0;
}
