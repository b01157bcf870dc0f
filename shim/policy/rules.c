/* SPDX-License-Identifier: MIT */
#include "rules.h"

#include "rules_index.h"

#include <string.h>
#include <sys/socket.h>

const char *const action_names[ACTION_COUNT] = {[ACTION_LOG] = "log",
	[ACTION_FIX] = "fix",
	[ACTION_IGNORE] = "ignore",
	[ACTION_TRAP] = "trap",
	[ACTION_ABORT] = "abort"};

const char *const rule_key_names[KEY_COUNT] = {[KEY_ROLE] = "role",
	[KEY_INTENT] = "intent",
	[KEY_PORT] = "port",
	[KEY_PEER] = "peer",
	[KEY_PEER_PORT] = "peer-port",
	[KEY_PROGRAM] = "program",
	[KEY_OP] = "op",
	[KEY_CALLSITE] = "callsite",
	[KEY_STATUS] = "status"};

bool rules_mendable(enum pattern pattern)
{
	return pattern == PATTERN_UNREAD_CLOSE || pattern == PATTERN_LINGER_ZERO ||
		pattern == PATTERN_LINGER2_NEGATIVE || pattern == PATTERN_SHUTDOWN_READ ||
		pattern == PATTERN_LATE_DATA || pattern == PATTERN_LISTENER_CLOSE;
}

enum action rules_default(
	enum mode mode, enum pattern pattern, enum intent intent, enum rule_status status)
{
	if (mode != MODE_FIX || !rules_mendable(pattern))
		return ACTION_LOG;
	/* A program that has failed, a deliberate abort: a FIN would make a cut answer look whole. */
	if (status == STATUS_NONZERO)
		return ACTION_LOG;
	if (pattern == PATTERN_LINGER_ZERO && intent != INTENT_CONFIG)
		return ACTION_LOG;
	/* Connections that nobody serves are taken in place of a successor: only where a rule says so. */
	if (pattern == PATTERN_LISTENER_CLOSE)
		return ACTION_LOG;
	return ACTION_FIX;
}

bool rules_name_to_fix(const struct rules *r, enum pattern pattern)
{
	const uint32_t all = ((UINT32_C(1) << PATTERN_COUNT) - 1) & ~(UINT32_C(1) << PATTERN_NONE);

	for (uint32_t i = 0; i < r->count; i++) {
		if (r->list[i].action == ACTION_FIX && (r->heads[i].patterns >> pattern & 1) &&
			r->heads[i].patterns != all && !(r->list[i].negated & 1U << KEY_PATTERN))
			return true;
	}
	return false;
}

struct linger_limits rules_limits(const struct rule *rule, const struct linger_limits *general)
{
	struct linger_limits l = *general;

	if (!rule)
		return l;
	if (rule->options & OPTION_IDLE)
		l.idle_ms = rule->idle_ms;
	if (rule->options & OPTION_TOTAL)
		l.total_ms = rule->total_ms;
	if (rule->options & OPTION_BYTES)
		l.bytes_accepted = l.bytes_connected = rule->bytes;
	return l;
}

void rules_address(uint8_t addr[16], const struct endpoint *e)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (e->family == AF_INET6) {
		memcpy(addr, e->addr, 16);
		return;
	}
	memcpy(addr, mapped, sizeof(mapped));
	memcpy(addr + sizeof(mapped), e->addr, 4);
}

bool rules_net_has(const struct rule_item *net, const uint8_t addr[16])
{
	unsigned whole = net->net.bits / 8, rest = net->net.bits % 8;

	if (memcmp(net->net.addr, addr, whole) != 0)
		return false;
	return rest == 0 || ((net->net.addr[whole] ^ addr[whole]) >> (8 - rest)) == 0;
}

/* The packed form of a query. */
struct packed {
	uint32_t pattern, is;
	uint64_t op, peer;
	uint16_t port, peer_port;
};

/* As rules_value.c packs a network: IPv4 by its address, IPv6 by its first half. */
static uint64_t pack_peer(const struct endpoint *e)
{
	if (!e->family)
		return 0;
	if (e->family == AF_INET6)
		return rules_leading(e->addr, 8);
	return rules_leading(e->addr, 4) | UINT64_C(0xffff) << 32;
}

static struct packed pack(const struct rule_query *q)
{
	return (struct packed){
		.pattern = 1U << q->pattern,
		.is = RULE_IS_ROLE(q->role) | RULE_IS_INTENT(q->intent) | RULE_IS_STATUS(q->status),
		.op = UINT64_C(1) << q->op,
		.peer = pack_peer(&q->peer),
		.port = q->local.port,
		.peer_port = q->peer.port,
	};
}

static bool any_port(const struct rule_item *item, uint32_t count, uint16_t port)
{
	for (const struct rule_item *end = item + count; item < end; item++) {
		if (item->ports.low <= port && port <= item->ports.high)
			return true;
	}
	return false;
}

static bool any_net(
	const struct rule_item *item, uint32_t count, const struct endpoint *peer, uint64_t packed)
{
	uint8_t addr[16];

	for (const struct rule_item *end = item + count; item < end; item++) {
		if ((packed & item->net.mask) != item->net.packed)
			continue;
		rules_address(addr, peer);
		if (rules_net_has(item, addr))
			return true;
	}
	return false;
}

static bool any_glob(const struct rule_item *item, uint32_t count, const char *name)
{
	for (const struct rule_item *end = item + count; item < end; item++) {
		if (span_glob(item->glob.text, name))
			return true;
	}
	return false;
}

static bool is_frame(const struct rule_item *item, const struct rule_frame *f)
{
	const char *slash = strrchr(f->module, '/'), *plus = strstr(f->symbol, "+0x");
	char symbol[1024];
	size_t len = plus ? (size_t)(plus - f->symbol) : strlen(f->symbol);

	if (!span_glob(item->glob.text, f->module) &&
		!(slash && span_glob(item->glob.text, slash + 1)))
		return false;
	if (len >= sizeof(symbol))
		len = sizeof(symbol) - 1;
	memcpy(symbol, f->symbol, len);
	symbol[len] = 0;
	return span_glob(item->glob.symbol, symbol);
}

static bool any_frame(const struct rule_item *items, uint32_t count, const struct rule_query *q)
{
	for (unsigned i = 0; i < q->frames; i++) {
		struct rule_frame f = q->frame(q->stack, i);

		for (uint32_t k = 0; k < count; k++) {
			if (is_frame(&items[k], &f))
				return true;
		}
	}
	return false;
}

/* A key with a list. What is not known matches neither a value nor its negation. */
static bool list_matches(const struct rules *r, const struct rule *rule, enum rule_key key,
	const struct rule_query *q, const struct packed *p)
{
	const struct rule_item *items = r->items + rule->lists[key].first;
	uint32_t count = rule->lists[key].count;
	bool known, found;

	switch (key) {
	case KEY_PORT:
		known = p->port != 0;
		found = any_port(items, count, p->port);
		break;
	case KEY_PEER_PORT:
		known = p->peer_port != 0;
		found = any_port(items, count, p->peer_port);
		break;
	case KEY_PEER:
		known = q->peer.family != 0;
		found = known && any_net(items, count, &q->peer, p->peer);
		break;
	case KEY_PROGRAM:
		known = q->program != NULL;
		found = known && any_glob(items, count, q->program);
		break;
	default:
		known = q->frames > 0;
		found = any_frame(items, count, q);
		break;
	}
	return known && found != !!(rule->negated & 1U << key);
}

static inline bool head_may_match(const struct rule_head *h, const struct packed *p)
{
	return (h->patterns & p->pattern) && (h->is & p->is) == p->is && (h->ops & p->op) &&
		(uint16_t)(p->port - h->port) <= h->ports &&
		(uint16_t)(p->peer_port - h->peer_port) <= h->peer_ports &&
		(p->peer & h->peer_mask) == h->peer;
}

#define WITH_LISTS \
	(1U << KEY_PORT | 1U << KEY_PEER | 1U << KEY_PEER_PORT | 1U << KEY_PROGRAM | \
		1U << KEY_CALLSITE)

static bool lists_match(const struct rules *r, const struct rule *rule, const struct rule_query *q,
	const struct packed *p)
{
	for (unsigned keys = rule->given & WITH_LISTS; keys; keys &= keys - 1) {
		if (!list_matches(r, rule, (enum rule_key)__builtin_ctz(keys), q, p))
			return false;
	}
	return true;
}

static inline bool fits(
	const struct rules *r, uint32_t i, const struct rule_query *q, const struct packed *p)
{
	return head_may_match(&r->heads[i], p) && lists_match(r, &r->list[i], q, p);
}

const struct rule *rules_match(const struct rules *r, const struct rule_query *q)
{
	bool asks = r->given & (1U << KEY_PORT | 1U << KEY_PEER_PORT | 1U << KEY_PEER);
	uint32_t indexed = !asks ? 0 : r->count < INDEX_RULES ? r->count : INDEX_RULES;
	uint64_t may[INDEX_WORDS];
	struct packed p = pack(q);

	memset(may, 0xff, sizeof(may));
	if (indexed)
		rules_index_look(r, q, may);
	for (uint32_t w = 0; w * 64 < indexed; w++) {
		for (uint64_t bits = may[w]; bits; bits &= bits - 1) {
			uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(bits);

			if (i >= indexed)
				break;
			if (fits(r, i, q, &p))
				return &r->list[i];
		}
	}
	for (uint32_t i = indexed; i < r->count; i++) {
		if (fits(r, i, q, &p))
			return &r->list[i];
	}
	return NULL;
}

static bool mask_matches(const struct rule_head *h, enum rule_key key, const struct packed *p)
{
	static const uint32_t of_key[KEY_COUNT] = {
		[KEY_ROLE] = 0x00f, [KEY_INTENT] = 0x0f0, [KEY_STATUS] = 0xf00};

	if (key == KEY_OP)
		return h->ops & p->op;
	return h->is & p->is & of_key[key];
}

bool rules_rule_matches(const struct rules *r, const struct rule *rule, const struct rule_query *q,
	enum rule_key *why_not)
{
	const struct rule_head *h = &r->heads[rule - r->list];
	struct packed p = pack(q);

	*why_not = KEY_PATTERN;
	if (!(h->patterns & p.pattern))
		return false;
	for (unsigned keys = rule->given; keys; keys &= keys - 1) {
		*why_not = (enum rule_key)__builtin_ctz(keys);
		if (1U << *why_not & WITH_LISTS ? !list_matches(r, rule, *why_not, q, &p)
						: !mask_matches(h, *why_not, &p))
			return false;
	}
	return true;
}

void rules_keep_program(struct rules *r, const char *program)
{
	struct rule_query q = {.program = program};
	struct packed p = pack(&q);

	for (uint32_t i = 0; i < r->count; i++) {
		if ((r->list[i].given & 1U << KEY_PROGRAM) &&
			!list_matches(r, &r->list[i], KEY_PROGRAM, &q, &p))
			r->heads[i].patterns = 0;
	}
}

void rules_name(struct text *t, const struct rule *rule)
{
	text_str(t, rule->source);
	text_char(t, ':');
	text_u64(t, rule->line);
	text_char(t, ':');
	text_u64(t, rule->column);
	text_str(t, ": ");
	text_str(t, rule->text);
}
