/* SPDX-License-Identifier: MIT */
#include "decide.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "../detect/uring.h"
#include "../policy/policy.h"

#include <signal.h>
#include <stdlib.h>

static struct rule_frame frame_of(const void *stack, unsigned i)
{
	const struct callsite *site = stack;
	const struct language_frame *l;

	if (i < site->frame_count)
		return (struct rule_frame){
			callsite_module(&site->frames[i]), callsite_symbol(&site->frames[i])};
	l = &site->language[i - site->frame_count];
	return (struct rule_frame){callsite_file(l), callsite_function(l)};
}

/*
 * The stack is not known (the table of callsites is full, RSTFIX_BACKTRACE is 0), and an earlier rule
 * that fits in all else asks for it: it might have been the one.
 */
static bool earlier_asks_for_stack(
	const struct rules *rules, const struct rule *rule, const struct rule_query *q)
{
	const struct rule *end = rule ? rule : rules->list + rules->count;
	enum rule_key key;

	if (q->frames || !(rules->given & 1U << KEY_CALLSITE))
		return false;
	for (const struct rule *a = rules->list; a < end; a++) {
		if (!rules_rule_matches(rules, a, q, &key) && key == KEY_CALLSITE)
			return true;
	}
	return false;
}

#define BY_ADDRESS (1U << KEY_PORT | 1U << KEY_PEER | 1U << KEY_PEER_PORT)

/* The addresses are asked for only where a rule wants them. */
static const struct rule *rule_for(struct event *e, int fd, const struct fdrec *rec, bool *unclear)
{
	const struct rules *rules = policy_rules();
	const struct rule *rule;
	const struct callsite *site = callsite_at(e->site);
	struct rule_query q = {.pattern = e->pattern,
		.op = e->op,
		.role = (enum role)rec->role,
		.intent = e->intent,
		.status = e->status,
		.program = self.program,
		.frames = site ? site->frame_count + site->python.count : 0,
		.frame = frame_of,
		.stack = site};

	if (rules->count == 0)
		return NULL;
	if (rules->given & BY_ADDRESS) {
		if (!e->local.family)
			event_addresses(e, fd, rec);
		q.local = e->local;
		q.peer = e->peer;
	}
	rule = rules_match(rules, &q);
	if (!earlier_asks_for_stack(rules, rule, &q))
		return rule;
	*unclear = true;
	return NULL;
}

/* What the mode asks for, where it saves something. */
static enum action by_default(const struct event *e, const struct facts *f, const struct fdrec *rec)
{
	enum action a = rules_default(self.opt.mode, e->pattern, e->intent, e->status);

	if (e->pattern == PATTERN_LINGER_ZERO && !verdict_linger_mendable(f, rec))
		return ACTION_LOG;
	return a;
}

bool decide(
	struct event *e, int fd, const struct facts *f, const struct fdrec *rec, const void *caller)
{
	bool unclear = false, uring = uring_possible();

	event_locate(e, caller);
	e->rule = rule_for(e, fd, rec, &unclear);
	e->action = unclear ? ACTION_LOG : e->rule ? e->rule->action : by_default(e, f, rec);
	e->dry = self.opt.mode != MODE_FIX;
	if (e->action == ACTION_IGNORE)
		return false;
	event_about(e, fd, f, rec);
	if (e->action == ACTION_FIX && !e->dry && !rules_mendable(e->pattern))
		e->why = "this pattern has no mend";
	else if (uring && e->action == ACTION_FIX && !e->dry)
		e->why = URING_MAY_HOLD;
	if (unclear && !e->dry)
		e->why = "its stack is not known, and a rule asks for it";
	return true;
}

bool decide_mends(const struct event *e)
{
	return e->action == ACTION_FIX && !e->dry && rules_mendable(e->pattern) && !uring_seen();
}

/* For a debugger. Unblocked, for else it would come later and somewhere else. */
static void trap(void)
{
	uint64_t set = UINT64_C(1) << (SIGTRAP - 1), old = 0;

	sys4(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, &old, sizeof(set));
	sys3(SYS_tgkill, self.pid, sys0(SYS_gettid), SIGTRAP);
	sys4(SYS_rt_sigprocmask, SIG_SETMASK, &old, 0, sizeof(old));
}

void decide_stop(const struct event *e)
{
	if (e->dry)
		return;
	if (e->action == ACTION_TRAP)
		trap();
	else if (e->action == ACTION_ABORT)
		abort(); /* law 4: the one exception */
}
