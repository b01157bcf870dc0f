/* SPDX-License-Identifier: MIT */
#include "complaints.h"

#include "../log/event.h"
#include "format.h"
#include "start.h"

#include <string.h>

/* Room for one more, or NULL. What follows the name of a thing is not to be cut off by it. */
static char *room_for(struct complaints *c)
{
	if (c->n < COMPLAINTS)
		return c->text[c->n++];
	c->more++;
	return NULL;
}

/* At most the first 200 bytes. */
static void text_some(struct text *t, const char *s)
{
	char some[201];

	strncpy(some, s, sizeof(some) - 1);
	some[sizeof(some) - 1] = 0;
	text_safe(t, some);
	if (strlen(s) > strlen(some))
		text_str(t, "...");
}

void complaints_option(void *arg, const struct option *row, const char *name, const char *value)
{
	struct complaints *c = arg;
	char *room = room_for(c);
	struct text t;

	if (!room)
		return;
	t = text_on(room, sizeof(c->text[0]));
	text_safe(&t, name);
	text_char(&t, '=');
	text_some(&t, value);
	if (row) {
		text_str(&t, ": not understood; allowed: ");
		text_str(&t, row->allowed);
		text_str(&t, row->enforcing ? "; the mode is audit" : "; the default is used: ");
		if (!row->enforcing)
			text_str(&t, *row->fallback ? row->fallback : "none");
	} else {
		text_str(&t,
			": no such variable; `rstfix help environment` lists them; the mode is audit");
	}
	text_end(&t);
}

void complaints_log(struct complaints *c, const char *path, const char *why)
{
	char *room = why ? room_for(c) : NULL;
	struct text t;

	if (!room)
		return;
	t = text_on(room, sizeof(c->text[0]));
	text_str(&t, "RSTFIX_LOG=");
	text_some(&t, path);
	text_str(&t, ": ");
	text_str(&t, why);
	if (strchr(path, '/'))
		text_str(&t, "; allowed is a file that can be written");
	text_str(&t, "; standard error is used");
	text_end(&t);
}

void complaints_stats(struct complaints *c, const char *folder, const char *why)
{
	char *room = why ? room_for(c) : NULL;
	struct text t;

	if (!room)
		return;
	t = text_on(room, sizeof(c->text[0]));
	text_str(&t, "RSTFIX_STATS=");
	text_some(&t, folder);
	text_str(&t, ": ");
	text_str(&t, why);
	text_str(&t,
		"; allowed is a directory on tmpfs, ext4 or xfs that can be written; nothing is counted");
	text_end(&t);
}

void complaints_rule(void *arg, const struct rule_mistake *m)
{
	struct complaints *c = arg;
	char *room = room_for(c);
	struct text t;

	if (!room)
		return;
	t = text_on(room, sizeof(c->text[0]));
	text_str(&t, "policy: no rule is in force, and the mode is audit: ");
	rules_mistake_text(&t, m);
	text_end(&t);
}

static void tell_more(const struct complaints *c)
{
	char line[160];
	struct text t = text_on(line, sizeof(line));

	if (!c->more)
		return;
	text_u64(&t, c->more);
	text_str(&t, " more mistakes; the mode is ");
	text_str(&t, self.opt.mode == MODE_FIX ? "fix" : "audit");
	text_str(&t, "; `rstfix policy check` and `rstfix run` tell all of them");
	event_notice("environment", text_end(&t));
}

void complaints_tell(const struct complaints *c)
{
	for (unsigned i = 0; i < c->n; i++)
		event_notice("environment", c->text[i]);
	tell_more(c);
}
