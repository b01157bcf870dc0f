/* SPDX-License-Identifier: MIT */
#include "rules_index.h"

#include <string.h>
#include <sys/socket.h>

static const uint8_t key_of[COLUMNS] = {[COLUMN_PORT] = KEY_PORT,
	[COLUMN_PEER_PORT] = KEY_PEER_PORT,
	[COLUMN_IPV4] = KEY_PEER,
	[COLUMN_IPV6] = KEY_PEER};

/* What an item covers of a column. */
struct reach {
	uint64_t low, high;
	bool none;
	bool partly; /* some values there are covered, and some are not */
};

static bool is_ipv4(const struct rule_item *item)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return item->net.bits >= 96 && memcmp(item->net.addr, mapped, sizeof(mapped)) == 0;
}

static bool has_all_ipv4(const struct rule_item *item)
{
	static const uint8_t some[16] = {[10] = 0xff, [11] = 0xff};

	return item->net.bits <= 96 && rules_net_has(item, some);
}

static struct reach reach_ipv4(const struct rule_item *item)
{
	struct reach g = {0, UINT32_MAX, !has_all_ipv4(item), false};

	if (!is_ipv4(item))
		return g;
	g.none = false;
	g.low = rules_leading(item->net.addr + 12, 4);
	g.high = g.low | UINT64_C(0xffffffff) >> (item->net.bits - 96);
	return g;
}

/* By the first half of the address. */
static struct reach reach_ipv6(const struct rule_item *item)
{
	unsigned bits = item->net.bits < 64 ? item->net.bits : 64;
	uint64_t hosts = bits == 64 ? 0 : UINT64_MAX >> bits;
	uint64_t low = rules_leading(item->net.addr, 8) & ~hosts;

	return (struct reach){low, low | hosts, is_ipv4(item), item->net.bits > 64};
}

static struct reach reach_of(const struct rule_item *item, unsigned column)
{
	if (column == COLUMN_IPV4)
		return reach_ipv4(item);
	if (column == COLUMN_IPV6)
		return reach_ipv6(item);
	return (struct reach){item->ports.low, item->ports.high, false, false};
}

/* Keeps the pieces in order. False: no room. */
static bool cut(struct column *c, uint64_t at)
{
	uint32_t low = 0, high = c->pieces;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (c->from[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < c->pieces && c->from[low] == at)
		return true;
	if (c->pieces == INDEX_PIECES)
		return false;
	memmove(&c->from[low + 1], &c->from[low], (c->pieces - low) * sizeof(c->from[0]));
	c->from[low] = at;
	c->pieces++;
	return true;
}

static bool cut_by(
	struct column *c, const struct rules *r, const struct rule_list *list, unsigned n)
{
	for (uint32_t i = 0; i < list->count; i++) {
		struct reach g = reach_of(&r->items[list->first + i], n);

		if (g.none)
			continue;
		if (!cut(c, g.low) || (g.high != UINT64_MAX && !cut(c, g.high + 1)))
			return false;
	}
	return true;
}

/* A negated list excludes only what it covers for certain. */
static bool may_fit(const struct rules *r, const struct rule *rule, unsigned n, uint64_t value)
{
	const struct rule_list *list = &rule->lists[key_of[n]];
	bool negated = rule->negated & 1U << key_of[n];

	for (uint32_t i = 0; i < list->count; i++) {
		struct reach g = reach_of(&r->items[list->first + i], n);

		if (!g.none && g.low <= value && value <= g.high && !(negated && g.partly))
			return !negated;
	}
	return negated;
}

static void fill(struct column *c, const struct rules *r, unsigned n, uint32_t count)
{
	for (uint32_t piece = 0; piece < c->pieces; piece++) {
		memset(c->fits[piece], 0, sizeof(c->fits[piece]));
		for (uint32_t i = 0; i < count; i++) {
			const struct rule *rule = &r->list[i];

			if (!(rule->given & 1U << key_of[n]) || may_fit(r, rule, n, c->from[piece]))
				c->fits[piece][i / 64] |= UINT64_C(1) << i % 64;
		}
	}
}

void rules_index_make(const struct rules *r)
{
	uint32_t count = r->count < INDEX_RULES ? r->count : INDEX_RULES;

	for (unsigned n = 0; n < COLUMNS; n++) {
		struct column *c = &r->index->columns[n];
		bool room = true;

		c->pieces = 0;
		if (!(r->given & 1U << key_of[n]))
			continue;
		cut(c, 0);
		for (uint32_t i = 0; room && i < count; i++) {
			if (r->list[i].given & 1U << key_of[n])
				room = cut_by(c, r, &r->list[i].lists[key_of[n]], n);
		}
		if (!room)
			c->pieces = 0;
		fill(c, r, n, count);
	}
}

static void look(const struct column *c, uint64_t value, uint64_t *fits)
{
	uint32_t at = 0, size = c->pieces;

	if (!size)
		return;
	while (size > 1) {
		uint32_t half = size / 2;

		at = c->from[at + half] <= value ? at + half : at;
		size -= half;
	}
	for (unsigned i = 0; i < INDEX_WORDS; i++)
		fits[i] &= c->fits[at][i];
}

void rules_index_look(const struct rules *r, const struct rule_query *q, uint64_t *fits)
{
	const struct column *columns = r->index->columns;

	look(&columns[COLUMN_PORT], q->local.port, fits);
	look(&columns[COLUMN_PEER_PORT], q->peer.port, fits);
	if (q->peer.family == AF_INET)
		look(&columns[COLUMN_IPV4], rules_leading(q->peer.addr, 4), fits);
	else if (q->peer.family == AF_INET6 &&
		rules_leading(q->peer.addr, 8)) /* else perhaps mapped */
		look(&columns[COLUMN_IPV6], rules_leading(q->peer.addr, 8), fits);
}
