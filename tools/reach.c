/* SPDX-License-Identifier: MIT */
#include "reach.h"

#include <string.h>
#include <sys/socket.h>

#define PORTS 65536

static bool given(const struct rule *rule, enum rule_key key)
{
	return rule->given & 1U << key;
}

static bool negated(const struct rule *rule, enum rule_key key)
{
	return rule->negated & 1U << key;
}

static const struct rule_item *items_of(
	const struct rules *r, const struct rule *rule, enum rule_key key)
{
	return r->items + rule->lists[key].first;
}

static const struct rule_head *head_of(const struct rules *r, const struct rule *rule)
{
	return &r->heads[rule - r->list];
}

/* --- is everything of `b` in `a`? --- */

static void set_ports(
	bool set[PORTS], const struct rules *r, const struct rule *rule, enum rule_key key)
{
	const struct rule_item *item = items_of(r, rule, key);
	bool inside = !negated(rule, key);

	memset(set, !inside, PORTS);
	for (uint32_t i = 0; i < rule->lists[key].count; i++, item++)
		memset(set + item->ports.low, inside,
			(size_t)(item->ports.high - item->ports.low) + 1);
	set[0] = false; /* no port */
}

/* Some port of b that a has not, found at once: for policies of thousands of rules. */
static bool port_outside(
	const struct rules *r, const struct rule *a, const struct rule *b, enum rule_key key)
{
	const struct rule_item *item = items_of(r, a, key);
	uint16_t port = items_of(r, b, key)->ports.low;
	bool found = false;

	for (uint32_t i = 0; i < a->lists[key].count && !found; i++, item++)
		found = item->ports.low <= port && port <= item->ports.high;
	return !negated(b, key) && found == negated(a, key);
}

static bool ports_within(
	const struct rules *r, const struct rule *a, const struct rule *b, enum rule_key key)
{
	static bool in_a[PORTS], in_b[PORTS];

	if (port_outside(r, a, b, key))
		return false;
	set_ports(in_a, r, a, key);
	set_ports(in_b, r, b, key);
	for (unsigned i = 0; i < PORTS; i++) {
		if (in_b[i] && !in_a[i])
			return false;
	}
	return true;
}

static bool net_within(const struct rule_item *a, const struct rule_item *b)
{
	return a->net.bits <= b->net.bits && rules_net_has(a, b->net.addr);
}

static bool nets_meet(const struct rule_item *a, const struct rule_item *b)
{
	return net_within(a, b) || net_within(b, a);
}

static bool only_stars(struct span glob)
{
	return !memchr(glob.at, '?', glob.len);
}

static bool no_wildcard(struct span glob)
{
	return only_stars(glob) && !memchr(glob.at, '*', glob.len);
}

/*
 * Does glob a match whatever glob b matches? Where it can be told by letting a match b's own text: b
 * has no wildcards, or all of a's are stars, which match b's wildcards too.
 */
static bool glob_within(struct span a, struct span b)
{
	char text[1024];

	if (a.len == b.len && memcmp(a.at, b.at, a.len) == 0)
		return true;
	if (b.len >= sizeof(text) || !(no_wildcard(b) || only_stars(a)))
		return false;
	memcpy(text, b.at, b.len);
	text[b.len] = 0;
	return span_glob(a, text);
}

static bool item_within(enum rule_key key, const struct rule_item *a, const struct rule_item *b)
{
	if (key == KEY_PEER)
		return net_within(a, b);
	return glob_within(a->glob.text, b->glob.text) &&
		(key != KEY_CALLSITE || glob_within(a->glob.symbol, b->glob.symbol));
}

/* Each item of b within some item of a. */
static bool items_within(
	const struct rules *r, const struct rule *a, const struct rule *b, enum rule_key key)
{
	for (uint32_t i = 0; i < b->lists[key].count; i++) {
		bool found = false;

		for (uint32_t k = 0; k < a->lists[key].count; k++)
			found |= item_within(key, items_of(r, a, key) + k, items_of(r, b, key) + i);
		if (!found)
			return false;
	}
	return true;
}

/* No item of b meets one of a: told of networks only. */
static bool items_apart(
	const struct rules *r, const struct rule *a, const struct rule *b, enum rule_key key)
{
	if (key != KEY_PEER)
		return false;
	for (uint32_t i = 0; i < b->lists[key].count; i++) {
		for (uint32_t k = 0; k < a->lists[key].count; k++) {
			if (nets_meet(items_of(r, a, key) + k, items_of(r, b, key) + i))
				return false;
		}
	}
	return true;
}

static bool list_within(
	const struct rules *r, const struct rule *a, const struct rule *b, enum rule_key key)
{
	if (!given(a, key))
		return true;
	if (!given(b, key)) /* has the unknown, too */
		return false;
	if (key == KEY_PORT || key == KEY_PEER_PORT)
		return ports_within(r, a, b, key);
	if (negated(a, key))
		return negated(b, key) ? items_within(r, b, a, key) : items_apart(r, a, b, key);
	return !negated(b, key) && items_within(r, a, b, key);
}

/* Does rule a match whatever b matches of this pattern? */
static bool within(
	const struct rules *r, const struct rule *a, const struct rule *b, unsigned pattern)
{
	static const enum rule_key lists[] = {
		KEY_PORT, KEY_PEER, KEY_PEER_PORT, KEY_PROGRAM, KEY_CALLSITE};
	const struct rule_head *ha = head_of(r, a), *hb = head_of(r, b);

	if (!(ha->patterns >> pattern & 1) || (hb->is & ~ha->is))
		return false;
	if (given(a, KEY_OP) && (!given(b, KEY_OP) || (hb->ops & ~ha->ops)))
		return false;
	for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (!list_within(r, a, b, lists[i]))
			return false;
	}
	return true;
}

/* --- can it match anything? --- */

static bool nothing_left(const struct rules *r, const struct rule *rule, enum rule_key key)
{
	static const struct rule_item everything = {.net = {.bits = 0}};
	static bool ports[PORTS];
	const struct rule_item *item = items_of(r, rule, key);
	const struct span star = {"*", 1};

	if (key == KEY_PORT || key == KEY_PEER_PORT) {
		set_ports(ports, r, rule, key);
		return !memchr(ports, true, PORTS);
	}
	for (uint32_t i = 0; negated(rule, key) && i < rule->lists[key].count; i++) {
		if (key == KEY_PEER ? net_within(&item[i], &everything)
				    : glob_within(item[i].glob.text, star) &&
					(key != KEY_CALLSITE ||
						glob_within(item[i].glob.symbol, star)))
			return true;
	}
	return false;
}

static bool mask_is_empty(const struct rule_head *h, const struct rule *rule)
{
	static const struct {
		enum rule_key key;
		uint32_t bits;
	} masks[] = {{KEY_ROLE, 0x007}, {KEY_INTENT, 0x0f0}, {KEY_STATUS, 0x700}};

	for (unsigned i = 0; i < 3; i++) {
		if (given(rule, masks[i].key) && !(h->is & masks[i].bits))
			return true;
	}
	return !h->patterns;
}

static const char *contradiction(const struct rules *r, const struct rule *rule)
{
	static const enum rule_key lists[] = {
		KEY_PORT, KEY_PEER, KEY_PEER_PORT, KEY_PROGRAM, KEY_CALLSITE};
	const struct rule_head *h = head_of(r, rule);

	if (mask_is_empty(h, rule))
		return "its negation leaves nothing over";
	for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (given(rule, lists[i]) && nothing_left(r, rule, lists[i]))
			return "its negation leaves nothing over";
	}
	if (given(rule, KEY_INTENT) && !(h->patterns >> PATTERN_LINGER_ZERO & 1))
		return "only linger-zero has an intent";
	if (given(rule, KEY_STATUS) && given(rule, KEY_OP) && !(h->ops >> OP_EXIT & 1))
		return "only op=exit has a status";
	return given(rule, KEY_OP) && !(h->ops & ((UINT64_C(1) << OP_COUNT) - 1))
		? "its negation leaves nothing over"
		: NULL;
}

static const struct rule *taker(const struct rules *r, const struct rule *rule, unsigned pattern)
{
	for (const struct rule *a = r->list; a < rule; a++) {
		if (within(r, a, rule, pattern))
			return a;
	}
	return NULL;
}

bool reach_possible(const struct rules *r, const struct rule *rule, struct reach *why)
{
	uint32_t patterns = head_of(r, rule)->patterns;

	*why = (struct reach){.contradiction = contradiction(r, rule)};
	if (why->contradiction)
		return false;
	if (given(rule, KEY_INTENT)) /* the other patterns have none */
		patterns &= 1U << PATTERN_LINGER_ZERO;
	for (; patterns; patterns &= patterns - 1) {
		const struct rule *a = taker(r, rule, (unsigned)__builtin_ctz(patterns));

		if (!a)
			return true;
		why->several |= why->before && a != why->before;
		why->before = a;
	}
	return false;
}
