/* SPDX-License-Identifier: MIT */
#include "rules_value.h"

#include <arpa/inet.h>
#include <string.h>

#define PORT_MAX 65535U
#define RATE_MAX 1000000U

static bool split(struct span s, char at, struct span *left, struct span *right)
{
	const char *found = memchr(s.at, at, s.len);

	*left = s;
	*right = (struct span){s.at + s.len, 0};
	if (!found)
		return false;
	left->len = (size_t)(found - s.at);
	*right = (struct span){found + 1, s.len - left->len - 1};
	return true;
}

bool rules_value_ports(struct span s, struct rule_item *item)
{
	struct span left, right;
	uint32_t low, high;

	if (!split(s, '-', &left, &right))
		right = left;
	if (!parse_number(left, 1, PORT_MAX, &low) || !parse_number(right, low, PORT_MAX, &high))
		return false;
	item->ports.low = (uint16_t)low;
	item->ports.high = (uint16_t)high;
	return true;
}

static bool is_mapped(const uint8_t addr[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(addr, mapped, sizeof(mapped)) == 0;
}

/* As rules.c packs an address. A network of both kinds of addresses cannot be packed. */
static void pack_net(struct rule_item *item)
{
	static const uint8_t some_ipv4[16] = {[10] = 0xff, [11] = 0xff};
	unsigned bits = item->net.bits;

	item->net.packed = item->net.mask = 0;
	if (bits >= 96 && is_mapped(item->net.addr)) {
		item->net.mask = ~UINT64_C(0) << (128 - bits);
		item->net.packed =
			(UINT64_C(0xffff) << 32 | rules_leading(item->net.addr + 12, 4)) &
			item->net.mask;
	} else if (!rules_net_has(item, some_ipv4)) {
		item->net.mask = bits >= 64 ? ~UINT64_C(0) : ~(~UINT64_C(0) >> bits);
		item->net.packed = rules_leading(item->net.addr, 8) & item->net.mask;
	}
}

static void clear_host_bits(uint8_t addr[16], unsigned bits)
{
	for (unsigned i = bits; i < 128; i++)
		addr[i / 8] &= (uint8_t) ~(0x80U >> i % 8);
}

/* "10.0.0.0/8", "::1", "::ffff:10.0.0.0/104": each of them as an IPv6 network. */
bool rules_value_net(struct span s, struct rule_item *item)
{
	uint32_t bits, most = 128;
	struct span address, prefix;
	bool given = split(s, '/', &address, &prefix);
	uint8_t addr[16] = {[10] = 0xff, [11] = 0xff};
	char text[INET6_ADDRSTRLEN];

	if (address.len >= sizeof(text))
		return false;
	memcpy(text, address.at, address.len);
	text[address.len] = 0;
	if (inet_pton(AF_INET, text, addr + 12) == 1)
		most = 32;
	else if (inet_pton(AF_INET6, text, addr) != 1)
		return false;
	bits = most;
	if (given && !parse_number(prefix, 0, most, &bits))
		return false;
	bits += 128 - most;
	clear_host_bits(addr, bits);
	memcpy(item->net.addr, addr, sizeof(addr));
	item->net.bits = (uint8_t)bits;
	pack_net(item);
	return true;
}

bool rules_value_program(struct span s, struct rule_item *item)
{
	item->glob.text = s;
	item->glob.symbol = (struct span){s.at + s.len, 0};
	return s.len > 0 && *s.at != '!' && !memchr(s.at, '/', s.len);
}

/* A module alone is the module with any symbol, also none. */
bool rules_value_callsite(struct span s, struct rule_item *item)
{
	if (!split(s, '!', &item->glob.text, &item->glob.symbol))
		item->glob.symbol = (struct span){"*", 1};
	return item->glob.text.len > 0 && item->glob.symbol.len > 0 && *item->glob.symbol.at != '!';
}

struct named {
	const char *name;
	uint32_t is;
};

/* An unknown intent is taken for an abort (verdict.h): nobody saw that it was configuration. */
static const struct named roles[] = {{"server", RULE_IS_ROLE(ROLE_SERVER)},
	{"client", RULE_IS_ROLE(ROLE_CLIENT)}, {NULL, RULE_IS_ROLE(ROLE_NONE)}};
static const struct named intents[] = {
	{"abort", RULE_IS_INTENT(INTENT_ABORT) | RULE_IS_INTENT(INTENT_UNKNOWN)},
	{"config", RULE_IS_INTENT(INTENT_CONFIG)}, {NULL, RULE_IS_INTENT(INTENT_NONE)}};
static const struct named statuses[] = {{"zero", RULE_IS_STATUS(STATUS_ZERO)},
	{"nonzero", RULE_IS_STATUS(STATUS_NONZERO)}, {NULL, RULE_IS_STATUS(STATUS_UNKNOWN)}};

static const struct named *names_of(enum rule_key key)
{
	return key == KEY_ROLE ? roles : key == KEY_INTENT ? intents : statuses;
}

const char *rules_value_name(enum rule_key key, unsigned i, uint32_t *is)
{
	const struct named *n = &names_of(key)[i];

	*is = n->is;
	return n->name;
}

bool rules_value_word(enum rule_key key, struct span s, uint32_t *is)
{
	for (const struct named *n = names_of(key); n->name; n++) {
		if (span_is(s, n->name)) {
			*is = n->is;
			return true;
		}
	}
	return false;
}

uint32_t rules_value_known(enum rule_key key)
{
	uint32_t bits = 0;

	for (const struct named *n = names_of(key); n->name; n++)
		bits |= n->is;
	return bits;
}

/* The last row, without a name, is the unknown value. */
uint32_t rules_value_all(enum rule_key key)
{
	return rules_value_known(key) | names_of(key)[2].is;
}

unsigned rules_value_option(struct span name)
{
	static const char *const names[] = {"idle", "total", "bytes", "rate"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (span_is(name, names[i]))
			return 1U << i;
	}
	return 0;
}

bool rules_value_set(struct rule *rule, unsigned option, struct span value)
{
	switch (option) {
	case OPTION_IDLE:
		return parse_duration(value, &rule->idle_ms);
	case OPTION_TOTAL:
		return parse_duration(value, &rule->total_ms);
	case OPTION_BYTES:
		return parse_size(value, &rule->bytes);
	default:
		return parse_number(value, 0, RATE_MAX, &rule->rate);
	}
}
