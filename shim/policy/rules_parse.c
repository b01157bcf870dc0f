/* SPDX-License-Identifier: MIT */
#include "rules_index.h"
#include "rules_reader.h"

#include <string.h>

/* "* -> log": a rule cannot be shorter; an item and what separates it are two bytes. */
#define RULE_MIN 8
#define ITEM_MIN 2

static size_t most_rules(size_t len, unsigned sources)
{
	return len / RULE_MIN + sources;
}

static size_t most_items(size_t len, unsigned sources)
{
	return len / ITEM_MIN + sources;
}

size_t rules_room(size_t len, unsigned sources)
{
	return most_rules(len, sources) * (sizeof(struct rule_head) + sizeof(struct rule)) +
		most_items(len, sources) * sizeof(struct rule_item) + sizeof(struct rules_index) +
		len + sources;
}

void rules_begin(struct rules *r, void *room, size_t len, unsigned sources)
{
	*r = (struct rules){.heads = room,
		.room = (uint32_t)most_rules(len, sources),
		.item_room = (uint32_t)most_items(len, sources),
		.text_room = (uint32_t)(len + sources)};
	r->list = (struct rule *)(r->heads + r->room);
	r->items = (struct rule_item *)(r->list + r->room);
	r->index = (struct rules_index *)(r->items + r->item_room);
	r->text = (char *)(r->index + 1);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool ends_rule(char c)
{
	return c == ';' || c == '\n';
}

/* The next word of the rule; false at its end, where in->at stays. */
static bool next_word(struct reader *in, struct span *word)
{
	while (in->at < in->end && blank(*in->at))
		in->at++;
	if (in->at < in->end && *in->at == '#')
		while (in->at < in->end && *in->at != '\n')
			in->at++;
	word->at = in->at;
	while (in->at < in->end && !blank(*in->at) && !ends_rule(*in->at))
		in->at++;
	word->len = (size_t)(in->at - word->at);
	return word->len > 0;
}

/* What stands behind the patterns, to the rule's end. Returns the rule's last word. */
static struct span read_rest(struct reader *in, struct span last)
{
	struct span word;
	bool known;

	while (next_word(in, &word) && !span_is(word, "->")) {
		reader_condition(in, word);
		last = word;
	}
	if (word.len == 0) {
		reader_mistake(in, last, "ends a rule that has no action",
			"PATTERN[,PATTERN...] [KEY=VALUE...] -> ACTION [OPTION=VALUE...]");
		return last;
	}
	last = word;
	if (!next_word(in, &word)) {
		reader_mistake(
			in, last, "has no action behind it", "ignore, log, fix, trap, abort");
		return last;
	}
	known = reader_action(in, word);
	for (last = word; next_word(in, &word); last = word) {
		if (known)
			reader_option(in, word);
	}
	return last;
}

/* The text, from the first word to the last, in the room for texts. */
static const char *keep_text(struct rules *r, struct span first, struct span last)
{
	size_t len = (size_t)(last.at + last.len - first.at);
	char *at = r->text;

	memcpy(at, first.at, len);
	at[len] = 0;
	r->text += len + 1;
	r->text_room -= (uint32_t)len + 1;
	return at;
}

/* Globs point into the text that was read: into the kept one from here on. */
static void move_globs(struct reader *in, const char *from, const char *to)
{
	static const enum rule_key keys[] = {KEY_PROGRAM, KEY_CALLSITE};

	for (unsigned k = 0; k < 2; k++) {
		const struct rule_list *list = &in->rule->lists[keys[k]];

		for (uint32_t i = 0; i < list->count; i++) {
			struct rule_item *item = &in->r->items[list->first + i];
			const char *end = from + strlen(to);

			item->glob.text.at = to + (item->glob.text.at - from);
			if (item->glob.symbol.at >= from && item->glob.symbol.at <= end)
				item->glob.symbol.at = to + (item->glob.symbol.at - from);
		}
	}
}

static void keep_rule(struct reader *in, struct span first, struct span last)
{
	struct rules *r = in->r;

	in->rule->text = keep_text(r, first, last);
	move_globs(in, first.at, in->rule->text);
	reader_pack(in);
	r->heads[r->count++] = in->head;
	r->item_count += in->items;
	r->given |= in->rule->given;
}

static void read_rule(struct reader *in, struct span first)
{
	unsigned before = in->mistakes;
	struct span last;

	if (in->r->count >= in->r->room) {
		reader_mistake(in, first, "is one rule more than fits", "fewer rules");
		in->at = in->end;
		return;
	}
	in->rule = &in->r->list[in->r->count];
	*in->rule = (struct rule){.source = in->source,
		.line = in->line,
		.column = (uint32_t)(first.at - in->line_start) + 1};
	in->head = (struct rule_head){.is = RULE_IS_ANY, .ops = ~UINT64_C(0)};
	in->items = 0;
	reader_patterns(in, first);
	last = read_rest(in, first);
	if (in->mistakes == before)
		keep_rule(in, first, last);
}

/* A byte that no text has could make a rule look like another one. */
static bool check_bytes(struct reader *in)
{
	for (const char *at = in->at; at < in->end; at++) {
		unsigned char c = (unsigned char)*at;

		if (*at == '\n') {
			in->line++;
			in->line_start = at + 1;
		} else if ((c < ' ' && c != '\t' && c != '\r') || c == 0x7f) {
			reader_mistake(in, (struct span){at, 1}, "is a control character", "text");
			return false;
		}
	}
	in->line = 1;
	in->line_start = in->at;
	return true;
}

unsigned rules_read(
	struct rules *r, const char *source, struct span text, rules_complain *complain, void *arg)
{
	struct reader in = {.r = r,
		.source = source,
		.at = text.at,
		.end = text.at + text.len,
		.line_start = text.at,
		.line = 1,
		.complain = complain,
		.arg = arg};
	struct span word;

	if (!check_bytes(&in))
		return in.mistakes;
	while (in.at < in.end) {
		if (next_word(&in, &word))
			read_rule(&in, word);
		if (in.at < in.end && *in.at == '\n') {
			in.line++;
			in.line_start = in.at + 1;
		}
		in.at += in.at < in.end;
	}
	if (!in.mistakes)
		rules_index_make(r);
	return in.mistakes;
}
