/* SPDX-License-Identifier: MIT */
#include "render.h"

#include <string.h>

static void who(struct text *t, const struct origin *o)
{
	text_str(t, "rstfix: ");
	text_safe(t, o->program);
	text_char(t, '[');
	text_i64(t, o->pid);
	text_str(t, "]: ");
}

static void bytes(struct text *t, uint64_t n)
{
	text_u64(t, n);
	text_str(t, n == 1 ? " byte" : " bytes");
}

static void peer(struct text *t, const struct event *e)
{
	text_str(t,
		e->role == ROLE_SERVER		 ? "client "
			: e->role == ROLE_CLIENT ? "server "
						 : "peer ");
	if (e->peer.family)
		render_endpoint(t, &e->peer);
	else
		text_str(t, "(address unknown)");
}

static void waiting(struct text *t, const struct event *e)
{
	text_u64(t, e->facts.waiting);
	text_str(t, e->facts.waiting == 1 ? " connection" : " connections");
}

static void unread(struct text *t, const struct event *e)
{
	bytes(t, e->facts.unread);
	text_str(t, " unread");
}

/*
 * A write has taken the error away: what was received before reads on, and ends like a whole answer.
 */
static void cut_short(struct text *t, const struct event *e)
{
	if (e->facts.unread == 0)
		return;
	text_str(t, " with ");
	bytes(t, e->facts.unread);
	text_str(t, " still to be read, after which its end looks like a clean one");
}

/* What the program did, as the start of a sentence. */
static void deed(struct text *t, const struct event *e)
{
	text_str(t, op_names[e->op]);
	text_str(t, "() of fd ");
	text_i64(t, e->fd);
	switch (e->pattern) {
	case PATTERN_UNREAD_CLOSE:
		text_str(t, " with ");
		unread(t, e);
		break;
	case PATTERN_LINGER_ZERO:
		text_str(t, " with SO_LINGER {1,0}");
		if (e->intent == INTENT_ABORT)
			text_str(t, " armed for this very close");
		else if (e->intent == INTENT_CONFIG)
			text_str(t, " armed long before");
		if (e->facts.unread) {
			text_str(t, " and ");
			unread(t, e);
		}
		break;
	case PATTERN_LINGER2_NEGATIVE:
		text_str(t, " with TCP_LINGER2 below 0");
		break;
	case PATTERN_LISTENER_CLOSE:
		text_str(t, ", a listener with ");
		waiting(t, e);
		text_str(t, " waiting in its accept queue");
		break;
	case PATTERN_DISCONNECT:
		text_str(t, " to AF_UNSPEC on a live connection");
		if (e->facts.unread) {
			text_str(t, " with ");
			unread(t, e);
		}
		break;
	case PATTERN_SHUTDOWN_READ:
		text_str(t, " after shutdown() of both sides, while the peer was still sending");
		break;
	case PATTERN_LATE_DATA:
		text_str(t, e->facts.unsent ? " with output under way" : " before the peer's FIN");
		text_str(t, ", and data from the peer after it");
		break;
	case PATTERN_WRITE_AFTER_CLOSE:
		text_str(t, " after the peer's end of file, which the program had read");
		break;
	case PATTERN_PEER_RESET:
		text_str(t, ": connection reset by peer");
		cut_short(t, e);
		break;
	case PATTERN_CONNECT_REFUSED:
		text_str(t, ": connection refused");
		break;
	case PATTERN_TIMED_OUT:
		text_str(t, ": connection timed out");
		break;
	default:
		break;
	}
}

static void loss(struct text *t, const struct event *e, const char *verb)
{
	uint64_t lost = verdict_output_lost(e->pattern, &e->facts);

	if (lost == 0)
		return;
	text_str(t, " and ");
	text_str(t, verb);
	text_char(t, ' ');
	bytes(t, lost);
	text_str(t, " of output");
}

static const char held_by_others[] = ": another process or descriptor holds it too; left alone";

/* Of a listener: it has no peer, and what it loses is counted in connections. */
static void consequence_of_listener(struct text *t, const struct event *e)
{
	switch (e->outcome) {
	case OUTCOME_AVERTED:
		text_str(t, ": mended, FIN to each of ");
		text_u64(t, e->taken);
		break;
	case OUTCOME_SHARED:
		text_str(t, held_by_others);
		break;
	default:
		text_str(t, e->taken ? ": resets those that are left" : ": resets all of them");
		if (e->outcome == OUTCOME_RESET)
			break;
		text_str(t, "; not mended: ");
		text_str(t, e->why ? e->why : "unknown");
		break;
	}
}

static void mend(struct text *t, const struct event *e)
{
	if (!e->mended)
		return;
	text_str(t, " (drained ");
	bytes(t, e->drained);
	text_str(t, " in ");
	text_u64(t, e->duration_ms);
	text_str(t, " ms)");
}

static void consequence(struct text *t, const struct event *e)
{
	switch (e->outcome) {
	case OUTCOME_RESET:
		text_str(t, ": resets ");
		peer(t, e);
		loss(t, e, "destroys");
		break;
	case OUTCOME_AVERTED:
		text_str(t, ": mended, FIN to and from ");
		peer(t, e);
		loss(t, e, "saved");
		break;
	case OUTCOME_DELIVERED:
		text_str(t, e->why ? ": mended, " : ": mended, all output acknowledged by ");
		if (e->why)
			text_str(t, e->why);
		else
			peer(t, e);
		loss(t, e, "saved");
		break;
	case OUTCOME_EXPIRED:
		text_str(t, ": a limit was hit while lingering for ");
		peer(t, e);
		break;
	case OUTCOME_FAILED:
		text_str(t, ": resets ");
		peer(t, e);
		loss(t, e, "destroys");
		text_str(t, "; not mended: ");
		text_str(t, e->why ? e->why : "unknown");
		break;
	case OUTCOME_SHARED:
		text_str(t, held_by_others);
		text_str(t, ", peer ");
		peer(t, e);
		break;
	case OUTCOME_LINGERING:
		text_str(t, ": lingering for ");
		peer(t, e);
		break;
	default:
		text_str(t, ", ");
		peer(t, e);
		if (e->why) {
			text_str(t, "; not mended: ");
			text_str(t, e->why);
		}
		break;
	}
}

/* "fix by /etc/rules:3:1", and what audit would only have done. */
static void rule(struct text *t, const struct event *e)
{
	if (!e->rule)
		return;
	text_str(t, e->dry && e->action != ACTION_LOG ? ", would " : ", ");
	text_str(t, action_names[e->action]);
	text_str(t, " by ");
	text_safe(t, e->rule->source);
	text_char(t, ':');
	text_u64(t, e->rule->line);
	text_char(t, ':');
	text_u64(t, e->rule->column);
}

static void stack_id(struct text *t, const struct callsite *s)
{
	if (!s || !s->id)
		return;
	text_str(t, ", stack ");
	text_hex(t, s->id, 16);
}

void render_event_text(
	struct text *t, const struct origin *o, const struct event *e, const struct telling *w)
{
	who(t, o);
	deed(t, e);
	if (e->pattern == PATTERN_LISTENER_CLOSE)
		consequence_of_listener(t, e);
	else
		consequence(t, e);
	mend(t, e);
	text_str(t, " [");
	text_str(t, pattern_names[e->pattern]);
	text_str(t, ", ");
	text_str(t, outcome_names[e->outcome]);
	rule(t, e);
	stack_id(t, w->site);
	if (w->count > 1) {
		text_str(t, ", for ");
		text_u64(t, w->count);
		text_str(t, " events");
	}
	text_str(t, "]\n");
	if (w->frames)
		render_frames(t, w->site);
	if (w->armed && w->frames) {
		text_str(t, "  armed by ");
		text_str(t, op_names[e->armed_op]);
		text_str(t, "() at\n");
		render_frames(t, w->armed);
	}
}

void render_close_text(
	struct text *t, const struct origin *o, const struct event *e, const struct telling *w)
{
	who(t, o);
	deed(t, e);
	text_str(t, " before the FIN of ");
	peer(t, e);
	text_str(t, " [close");
	stack_id(t, w->site);
	text_str(t, "]\n");
	if (w->frames)
		render_frames(t, w->site);
}

void render_notice_text(struct text *t, const struct origin *o, const char *code, const char *msg)
{
	who(t, o);
	text_safe(t, msg);
	text_str(t, " [");
	text_str(t, code);
	text_str(t, "]\n");
}

void render_summary_text_head(
	struct text *t, const struct origin *o, uint64_t events, uint64_t lost)
{
	who(t, o);
	text_u64(t, events);
	text_str(t, events == 1 ? " event" : " events");
	if (lost) {
		text_str(t, ", ");
		text_u64(t, lost);
		text_str(t, " lines could not be written");
	}
	text_str(t, " [summary]\n");
}

void render_summary_text_site(struct text *t, const struct callsite *s)
{
	unsigned i;

	text_str(t, "    ");
	text_u64(t, s->count);
	text_str(t, " x ");
	text_str(t, pattern_names[s->pattern]);
	text_str(t, " by ");
	text_str(t, op_names[s->op]);
	text_str(t, "()");
	for (i = 0; i < OUTCOME_COUNT; i++) {
		if (!callsite_outcomes(s, i))
			continue;
		text_str(t, ", ");
		text_u64(t, callsite_outcomes(s, i));
		text_char(t, ' ');
		text_str(t, outcome_names[i]);
	}
	text_str(t, ": ");
	bytes(t, s->unread);
	text_str(t, " unread, ");
	bytes(t, s->unsent);
	text_str(t, " of output at stake");
	if (callsite_outcomes(s, OUTCOME_AVERTED) || callsite_outcomes(s, OUTCOME_DELIVERED)) {
		text_str(t, ", ");
		bytes(t, s->saved);
		text_str(t, " saved, ");
		bytes(t, s->drained);
		text_str(t, " drained in ");
		text_u64(t, s->lingered_ms);
		text_str(t, " ms");
	}
	stack_id(t, s);
	text_char(t, '\n');
}

void render_summary_text_risks(struct text *t, const struct risk risks[PATTERN_COUNT])
{
	unsigned i;

	for (i = 0; i < PATTERN_COUNT; i++) {
		if (!risks[i].count)
			continue;
		text_str(t, "    ");
		text_u64(t, risks[i].count);
		text_str(t, " x ");
		text_str(t, pattern_names[i]);
		text_str(t, " not proven, ");
		text_u64(t, risks[i].unacknowledged);
		text_str(t, " with output unacknowledged\n");
	}
}
