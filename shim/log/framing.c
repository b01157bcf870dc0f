/* SPDX-License-Identifier: MIT */
#include "framing.h"

#include <string.h>

/* How the renderers for people begin a line; the identifier says it already. */
#define PREFIX "rstfix: "

enum severity framing_severity(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_RESET:
	case OUTCOME_EXPIRED:
	case OUTCOME_FAILED:
		return SEVERITY_WARNING;
	case OUTCOME_SHARED:
	case OUTCOME_SEEN:
		return SEVERITY_NOTICE;
	default:
		return SEVERITY_INFO;
	}
}

/* Fields are named as in the JSON format, in capitals. One that is not known is left out. */
static void name(struct text *t, const char *key)
{
	text_str(t, key);
	text_char(t, '=');
}

static void field(struct text *t, const char *key, const char *value)
{
	if (!value || !*value)
		return;
	name(t, key);
	text_safe(t, value);
	text_char(t, '\n');
}

static void field_number(struct text *t, const char *key, int64_t value)
{
	name(t, key);
	text_i64(t, value);
	text_char(t, '\n');
}

static void field_u64(struct text *t, const char *key, uint64_t value)
{
	if (!value)
		return;
	name(t, key);
	text_u64(t, value);
	text_char(t, '\n');
}

static void field_endpoint(struct text *t, const char *key, const struct endpoint *e)
{
	if (!e->family)
		return;
	name(t, key);
	render_endpoint(t, e);
	text_char(t, '\n');
}

static void field_rule(struct text *t, const struct rule *rule)
{
	if (!rule)
		return;
	name(t, "RSTFIX_RULE");
	text_safe(t, rule->source);
	text_char(t, ':');
	text_u64(t, rule->line);
	text_char(t, ':');
	text_u64(t, rule->column);
	text_str(t, ": ");
	text_safe(t, rule->text);
	text_char(t, '\n');
}

/* "name+0x12": the name alone, as others use this field. */
static void field_function(struct text *t, const char *symbol)
{
	const char *plus;
	size_t from;

	if (!*symbol)
		return;
	name(t, "CODE_FUNC");
	from = t->len;
	text_safe(t, symbol);
	plus = memrchr(t->at + from, '+', t->len - from);
	if (plus)
		t->len = (size_t)(plus - t->at);
	text_char(t, '\n');
}

static void fields_language(struct text *t, const struct language_frame *f)
{
	field(t, "CODE_FUNC", callsite_function(f));
	field(t, "CODE_FILE", callsite_file(f));
	field_u64(t, "CODE_LINE", f->line);
}

/* The innermost frame, whether or not the message tells the stack this time. */
static void fields_callsite(struct text *t, const struct callsite *s)
{
	const struct frame *f;

	if (!s || !s->id)
		return;
	name(t, "RSTFIX_STACK_ID");
	text_hex(t, s->id, 16);
	text_char(t, '\n');
	if (s->python.count)
		fields_language(t, &s->language[0]);
	if (s->frame_count == 0)
		return;
	f = &s->frames[0];
	if (!s->python.count)
		field_function(t, callsite_symbol(f));
	field(t, "RSTFIX_MODULE", f->module ? callsite_module(f) : NULL);
	field(t, "RSTFIX_BUILD_ID", f->module ? callsite_build_id(f) : NULL);
	name(t, "RSTFIX_OFFSET");
	text_str(t, "0x");
	text_hex(t, f->offset, 1);
	text_char(t, '\n');
}

static void fields_socket(struct text *t, const struct event *e)
{
	field_number(t, "RSTFIX_FD", e->fd);
	field(t, "RSTFIX_ROLE", render_role(e->role));
	field_endpoint(t, "RSTFIX_LOCAL", &e->local);
	field_endpoint(t, "RSTFIX_PEER", &e->peer);
	field(t, "RSTFIX_STATE", verdict_state_name(e->facts.state));
	field_number(t, "RSTFIX_UNREAD", (int64_t)e->facts.unread);
	field_number(t, "RSTFIX_UNSENT", (int64_t)e->facts.unsent);
	if (e->pattern == PATTERN_LISTENER_CLOSE)
		field_number(t, "RSTFIX_WAITING", e->facts.waiting);
	field_u64(t, "RSTFIX_NETNS", e->netns);
	field_u64(t, "RSTFIX_SOCK", e->facts.cookie);
	if (e->age_ms >= 0)
		field_number(t, "RSTFIX_AGE_MS", e->age_ms);
}

static void fields_event(
	struct text *t, const struct origin *o, const struct event *e, const struct telling *w)
{
	field(t, "RSTFIX_PATTERN", pattern_names[e->pattern]);
	field(t, "RSTFIX_OP", op_names[e->op]);
	field(t, "RSTFIX_ACTION", action_names[e->action]);
	field(t, "RSTFIX_OUTCOME", outcome_names[e->outcome]);
	field(t, "RSTFIX_WHY", e->why);
	if (e->pattern == PATTERN_LINGER_ZERO)
		field(t, "RSTFIX_INTENT", verdict_intent_name(e->intent));
	field(t, "RSTFIX_DIRECTION", e->direction);
	if (!e->direction)
		field(t, "RSTFIX_HARM", verdict_harm_name(verdict_harm(e->pattern, &e->facts)));
	fields_socket(t, e);
	if (e->mended && e->pattern == PATTERN_LISTENER_CLOSE)
		field_number(t, "RSTFIX_TAKEN", e->taken);
	if (e->mended) {
		field_number(t, "RSTFIX_DRAINED", (int64_t)e->drained);
		field_number(t, "RSTFIX_DURATION_MS", e->duration_ms);
	}
	fields_callsite(t, w->site);
	field_u64(t, "RSTFIX_COUNT", w->count);
	field_rule(t, e->rule);
	field_u64(t, "RSTFIX_SEQ", o->seq);
	field_number(t, "TID", o->tid);
}

/* The length of a value that may hold newlines: 64 bits, little-endian. */
#define LENGTH 8

static size_t journal_begin(struct text *t, const struct origin *o, const struct framed *f)
{
	text_str(t, "PRIORITY=");
	text_u64(t, f->severity);
	text_str(t, "\nSYSLOG_FACILITY=1\nSYSLOG_IDENTIFIER=rstfix\n");
	field_number(t, "SYSLOG_PID", o->pid);
	field(t, "RSTFIX_EVENT", f->event);
	field(t, "RSTFIX_PROGRAM", o->program);
	field(t, "RSTFIX_CODE", f->code);
	if (f->about)
		fields_event(t, o, f->about, f->told);
	text_str(t, "MESSAGE\n");
	text_mem(t, "\0\0\0\0\0\0\0\0", LENGTH);
	return t->len;
}

static void journal_end(struct text *t, size_t body)
{
	uint64_t len = t->len - body - 1; /* the message's own newline ends the field */

	for (unsigned i = 0; i < LENGTH; i++)
		t->at[body - LENGTH + i] = (char)(len >> (8 * i));
}

#define FACILITY_USER 8U /* as in <syslog.h>, whose LOG_SYSLOG is another one */

static size_t syslog_begin(struct text *t, const struct origin *o, const struct framed *f)
{
	text_char(t, '<');
	text_u64(t, (uint64_t)(FACILITY_USER | f->severity));
	text_str(t, ">rstfix[");
	text_i64(t, o->pid);
	text_str(t, "]: ");
	return t->len;
}

/* A stack's frames, indented a line each, follow one another. */
static void syslog_end(struct text *t, size_t body)
{
	size_t to = body;

	t->len--;
	for (size_t from = body; from < t->len; from++) {
		char c = t->at[from];

		if (c == '\n')
			c = ' ';
		if (c == ' ' && to > body && t->at[to - 1] == ' ')
			continue;
		t->at[to++] = c;
	}
	t->len = to;
}

size_t framing_begin(
	struct text *t, enum log_target log, const struct origin *o, const struct framed *f)
{
	if (log == LOG_JOURNAL)
		return journal_begin(t, o, f);
	return log == LOG_SYSLOG ? syslog_begin(t, o, f) : 0;
}

static void drop_prefix(struct text *t, size_t body)
{
	const size_t n = sizeof(PREFIX) - 1;

	if (t->len - body <= n || memcmp(t->at + body, PREFIX, n) != 0)
		return;
	t->len -= n;
	memmove(t->at + body, t->at + body + n, t->len - body);
}

void framing_end(struct text *t, enum log_target log, size_t body)
{
	if ((log != LOG_JOURNAL && log != LOG_SYSLOG) || t->len <= body)
		return;
	drop_prefix(t, body);
	if (log == LOG_JOURNAL)
		journal_end(t, body);
	else
		syslog_end(t, body);
}
