/* SPDX-License-Identifier: MIT */
#include "gate.h"

#include "callsites.h"
#include "policy/rules.h"
#include "say.h"

#include <errno.h>
#include <string.h>

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
	return 0;
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

int gate_check(const struct gate *g, const struct options *o, const struct rules *rules)
{
	int refused = refuse_blind(g, o);

	if (refused == 0)
		refused = refuse_rate_zero(rules);
	if (refused == 0 && !o->follow)
		say("run", "warning: RSTFIX_FOLLOW is 0, so the gate sees the first program only");
	return refused;
}

static void print_callsite(const struct gate *g, const struct callsite_seen *c)
{
	say("run", "%s by %s() in %s, %llu time%s, stack %s%s", c->pattern, c->op, c->program,
		(unsigned long long)c->count, c->count == 1 ? "" : "s",
		*c->stack_id ? c->stack_id : "unknown", g->baseline ? ": not in the baseline" : "");
	callsites_print_frames(c, stderr);
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

bool gate_judge(const struct gate *g, const char *log)
{
	struct callsites *known = callsites_new(), *seen = callsites_new();
	unsigned fresh = 0, old = 0;
	bool based = known && seen && (!g->baseline || callsites_read(known, g->baseline));
	bool read = based && callsites_read(seen, log);

	if (!read)
		say("run", "%s: %s: the gate cannot pass what it cannot read",
			based || !g->baseline ? log : g->baseline, strerror(errno));
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
	return read && fresh == 0;
}
