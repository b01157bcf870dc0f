/* SPDX-License-Identifier: MIT */
#include "rules_value.h"

#include <arpa/inet.h>
#include <string.h>

/* The names of a mask, but for those that a negated list leaves out. */
static void print_mask(struct text *t, uint64_t bits, bool negated,
	const char *(*name_of)(unsigned), int (*number_of)(struct span), unsigned from)
{
	const char *comma = negated ? "!" : "";
	bool all = !negated;

	for (unsigned i = from; name_of(i); i++)
		all &= bits >> i & 1;
	if (all && number_of == rules_pattern_number) {
		text_char(t, '*');
		return;
	}
	for (unsigned i = from; name_of(i); i++) {
		if ((bits >> i & 1) == negated || number_of(span_of(name_of(i))) != (int)i)
			continue;
		text_str(t, comma);
		text_str(t, name_of(i));
		comma = ",";
	}
}

static void print_words(struct text *t, enum rule_key key, uint32_t is, bool negated)
{
	const char *comma = negated ? "!" : "", *name;
	uint32_t bits;

	for (unsigned i = 0; (name = rules_value_name(key, i, &bits)) != NULL; i++) {
		if (!!(is & bits) == negated)
			continue;
		text_str(t, comma);
		text_str(t, name);
		comma = ",";
	}
}

static void print_ports(struct text *t, const struct rule_item *item)
{
	text_u64(t, item->ports.low);
	if (item->ports.high == item->ports.low)
		return;
	text_char(t, '-');
	text_u64(t, item->ports.high);
}

static void print_net(struct text *t, const struct rule_item *item)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	bool ipv4 = item->net.bits >= 96 && memcmp(item->net.addr, mapped, sizeof(mapped)) == 0;
	unsigned bits = item->net.bits - (ipv4 ? 96U : 0), most = ipv4 ? 32 : 128;
	char address[INET6_ADDRSTRLEN] = "";

	inet_ntop(ipv4 ? AF_INET : AF_INET6, item->net.addr + (ipv4 ? 12 : 0), address,
		sizeof(address));
	text_str(t, address);
	if (bits == most)
		return;
	text_char(t, '/');
	text_u64(t, bits);
}

static void print_glob(struct text *t, enum rule_key key, const struct rule_item *item)
{
	text_mem(t, item->glob.text.at, item->glob.text.len);
	if (key != KEY_CALLSITE)
		return;
	text_char(t, '!');
	text_mem(t, item->glob.symbol.at, item->glob.symbol.len);
}

static void print_list(
	struct text *t, const struct rules *r, const struct rule *rule, enum rule_key key)
{
	const struct rule_list *list = &rule->lists[key];

	if (rule->negated & 1U << key)
		text_char(t, '!');
	for (uint32_t i = 0; i < list->count; i++) {
		const struct rule_item *item = &r->items[list->first + i];

		if (i > 0)
			text_char(t, ',');
		if (key == KEY_PORT || key == KEY_PEER_PORT)
			print_ports(t, item);
		else if (key == KEY_PEER)
			print_net(t, item);
		else
			print_glob(t, key, item);
	}
}

static void print_key(
	struct text *t, const struct rules *r, const struct rule *rule, enum rule_key key)
{
	const struct rule_head *head = &r->heads[rule - r->list];
	bool negated = rule->negated & 1U << key;

	text_char(t, ' ');
	text_str(t, rule_key_names[key]);
	text_char(t, '=');
	if (key == KEY_OP)
		print_mask(t, head->ops, negated, rules_op_name, rules_op_number, 0);
	else if (key == KEY_ROLE || key == KEY_INTENT || key == KEY_STATUS)
		print_words(t, key, head->is, negated);
	else
		print_list(t, r, rule, key);
}

static void print_time(struct text *t, const char *name, uint32_t ms)
{
	text_str(t, name);
	if (ms % 60000 == 0 && ms)
		text_u64(t, ms / 60000);
	else
		text_u64(t, ms % 1000 ? ms : ms / 1000);
	text_str(t, ms == 0 ? "" : ms % 60000 == 0 ? "m" : ms % 1000 ? "ms" : "s");
}

static void print_size(struct text *t, uint64_t bytes)
{
	const char *units[] = {"", "K", "M", "G"};
	unsigned i = 0;

	for (; i < 3 && bytes % 1024 == 0; i++)
		bytes /= 1024;
	text_str(t, " bytes=");
	text_u64(t, bytes);
	text_str(t, units[i]);
}

static void print_options(struct text *t, const struct rule *rule)
{
	if (rule->options & OPTION_IDLE)
		print_time(t, " idle=", rule->idle_ms);
	if (rule->options & OPTION_TOTAL)
		print_time(t, " total=", rule->total_ms);
	if (rule->options & OPTION_BYTES)
		print_size(t, rule->bytes);
	if (!(rule->options & OPTION_RATE))
		return;
	text_str(t, " rate=");
	text_u64(t, rule->rate);
}

void rules_print(struct text *t, const struct rules *r, const struct rule *rule)
{
	print_mask(t, r->heads[rule - r->list].patterns, rule->negated & 1U << KEY_PATTERN,
		rules_pattern_name, rules_pattern_number, PATTERN_NONE + 1);
	for (unsigned key = 0; key < KEY_COUNT; key++) {
		if (rule->given & 1U << key)
			print_key(t, r, rule, (enum rule_key)key);
	}
	text_str(t, " -> ");
	text_str(t, action_names[rule->action]);
	print_options(t, rule);
}

#define SOURCE_MAX 200 /* bytes of a path that are told: its end */

/* The word and what is allowed may be anything: the line is for a terminal. */
void rules_mistake_text(struct text *t, const struct rule_mistake *m)
{
	char word[80];
	size_t len = m->word.len < sizeof(word) ? m->word.len : sizeof(word) - 1;

	if (strlen(m->source) > SOURCE_MAX)
		text_str(t, "...");
	text_safe(t,
		m->source + (strlen(m->source) > SOURCE_MAX ? strlen(m->source) - SOURCE_MAX : 0));
	if (m->line) {
		text_char(t, ':');
		text_u64(t, m->line);
		text_char(t, ':');
		text_u64(t, m->column);
	}
	text_str(t, ": ");
	if (m->word.at) {
		memcpy(word, m->word.at, len);
		word[len] = 0;
		text_char(t, '"');
		text_safe(t, word);
		text_str(t, len < m->word.len ? "...\" " : "\" ");
	}
	text_str(t, m->what);
	if (!m->allowed && !m->allowed_list)
		return;
	text_str(t, "; allowed: ");
	if (m->allowed)
		text_str(t, m->allowed);
	else
		m->allowed_list(t);
}
