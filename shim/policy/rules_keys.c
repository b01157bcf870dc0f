/* SPDX-License-Identifier: MIT */
#include "rules_reader.h"

#include <string.h>

#define KEYS_ALLOWED \
	"role, intent, port, peer, peer-port, program, op, callsite, status, each as KEY=VALUE"
#define ADDRESS_ALLOWED \
	"an IPv4 or IPv6 address, perhaps with /BITS: 10.0.0.0/8, ::1, 2001:db8::/32"

static struct rule_mistake mistake_at(const struct reader *in, struct span word, const char *what)
{
	return (struct rule_mistake){.source = in->source,
		.line = in->line,
		.column = (uint32_t)(word.at - in->line_start) + 1,
		.word = word,
		.what = what};
}

void reader_mistake(struct reader *in, struct span word, const char *what, const char *allowed)
{
	struct rule_mistake m = mistake_at(in, word, what);

	m.allowed = allowed;
	in->mistakes++;
	in->complain(in->arg, &m);
}

static void mistake_list(
	struct reader *in, struct span word, const char *what, void (*allowed)(struct text *t))
{
	struct rule_mistake m = mistake_at(in, word, what);

	m.allowed_list = allowed;
	in->mistakes++;
	in->complain(in->arg, &m);
}

static void list_names(struct text *t, const char *(*name_of)(unsigned), unsigned from)
{
	for (unsigned i = from; name_of(i); i++) {
		text_str(t, i > from ? ", " : "");
		text_str(t, name_of(i));
	}
}

static void list_patterns(struct text *t)
{
	text_str(t, "*, ");
	list_names(t, rules_pattern_name, PATTERN_NONE + 1);
}

static void list_ops(struct text *t)
{
	list_names(t, rules_op_name, 0);
}

/* The part before the next comma; false when there is none left. */
static bool next_item(struct span *rest, struct span *item)
{
	const char *comma;

	if (!rest->at)
		return false;
	comma = memchr(rest->at, ',', rest->len);
	item->at = rest->at;
	item->len = comma ? (size_t)(comma - rest->at) : rest->len;
	rest->at = comma ? comma + 1 : NULL;
	rest->len -= comma ? item->len + 1 : item->len;
	return true;
}

static bool negation(struct span *s)
{
	if (s->len == 0 || *s->at != '!')
		return false;
	s->at++;
	s->len--;
	return true;
}

/* --- the values --- */

static uint32_t all_patterns(void)
{
	uint32_t all = 0;

	for (unsigned i = PATTERN_NONE + 1; rules_pattern_name(i); i++)
		all |= 1U << i;
	return all;
}

static uint64_t all_ops(void)
{
	uint64_t all = 0;

	for (unsigned i = 0; rules_op_name(i); i++)
		all |= UINT64_C(1) << i;
	return all;
}

static bool pattern_bits(struct span item, uint32_t *bits)
{
	int number = rules_pattern_number(item);

	if (span_is(item, "*"))
		*bits |= all_patterns();
	else if (number >= 0)
		*bits |= 1U << number;
	return span_is(item, "*") || number >= 0;
}

bool rules_patterns(struct span list, uint32_t *patterns)
{
	bool negated = negation(&list);
	uint32_t bits = 0;
	struct span item;

	while (next_item(&list, &item)) {
		if (!pattern_bits(item, &bits))
			return false;
	}
	*patterns = negated ? all_patterns() & ~bits : bits;
	return true;
}

void reader_patterns(struct reader *in, struct span list)
{
	bool negated = negation(&list);
	uint32_t bits = 0;
	struct span item;

	while (next_item(&list, &item)) {
		if (!pattern_bits(item, &bits))
			mistake_list(in, item, "is no pattern", list_patterns);
	}
	in->head.patterns = negated ? all_patterns() & ~bits : bits;
	in->rule->negated |= negated ? 1U << KEY_PATTERN : 0;
}

static void read_ops(struct reader *in, struct span list, bool negated)
{
	uint64_t bits = 0;
	struct span item;

	while (next_item(&list, &item)) {
		int number = rules_op_number(item);

		if (number >= 0)
			bits |= UINT64_C(1) << number;
		else
			mistake_list(in, item, "is no operation", list_ops);
	}
	in->head.ops = negated ? all_ops() & ~bits : bits;
}

/* What is not known is neither the value nor its negation. */
static void read_words(struct reader *in, enum rule_key key, struct span list, bool negated)
{
	static const char *const allowed[KEY_COUNT] = {[KEY_ROLE] = "server, client",
		[KEY_INTENT] = "abort, config",
		[KEY_STATUS] = "zero, nonzero"};
	static const char *const what[KEY_COUNT] = {[KEY_ROLE] = "is no role",
		[KEY_INTENT] = "is no intent",
		[KEY_STATUS] = "is no exit status"};
	uint32_t bits = 0, is = 0;
	struct span item;

	while (next_item(&list, &item)) {
		if (rules_value_word(key, item, &is))
			bits |= is;
		else
			reader_mistake(in, item, what[key], allowed[key]);
	}
	in->head.is &= ~rules_value_all(key);
	in->head.is |= negated ? rules_value_known(key) & ~bits : bits;
}

typedef bool item_reader(struct span s, struct rule_item *item);

static void read_list(struct reader *in, enum rule_key key, struct span list, item_reader *read,
	const char *what, const char *allowed)
{
	struct rule_list *into = &in->rule->lists[key];
	struct rules *r = in->r;
	struct span item;

	into->first = r->item_count + in->items;
	while (next_item(&list, &item)) {
		uint32_t at = r->item_count + in->items;

		if (at >= r->item_room || !read(item, &r->items[at])) {
			reader_mistake(in, item, what, allowed);
			continue;
		}
		in->items++;
		into->count++;
	}
}

#define PORTS_ALLOWED "1 to 65535, or a range as 8000-8010"

static void read_value(struct reader *in, enum rule_key key, struct span value)
{
	bool negated = negation(&value);

	in->rule->negated |= negated ? 1U << key : 0;
	switch (key) {
	case KEY_OP:
		read_ops(in, value, negated);
		break;
	case KEY_PORT:
	case KEY_PEER_PORT:
		read_list(in, key, value, rules_value_ports, "is no port", PORTS_ALLOWED);
		break;
	case KEY_PEER:
		read_list(in, key, value, rules_value_net, "is no address", ADDRESS_ALLOWED);
		break;
	case KEY_PROGRAM:
		read_list(in, key, value, rules_value_program, "is no program's name",
			"a name without slash, with * and ? as wildcards");
		break;
	case KEY_CALLSITE:
		read_list(in, key, value, rules_value_callsite, "is no callsite",
			"MODULE or MODULE!SYMBOL, with * and ? as wildcards");
		break;
	default:
		read_words(in, key, value, negated);
		break;
	}
}

static int key_number(struct span name)
{
	for (unsigned key = 0; key < KEY_COUNT; key++) {
		if (span_is(name, rule_key_names[key]))
			return (int)key;
	}
	return -1;
}

void reader_condition(struct reader *in, struct span word)
{
	const char *equals = memchr(word.at, '=', word.len);
	struct span name = {word.at, equals ? (size_t)(equals - word.at) : word.len};
	int key = equals ? key_number(name) : -1;

	if (!equals)
		reader_mistake(in, word, "is neither a key nor ->",
			KEYS_ALLOWED ", then -> and an action");
	else if (key < 0)
		reader_mistake(in, name, "is no key", KEYS_ALLOWED);
	else if (in->rule->given & 1U << key)
		reader_mistake(in, name, "is given twice", "each key once; a value may be a list");
	else
		read_value(
			in, (enum rule_key)key, (struct span){equals + 1, word.len - name.len - 1});
	in->rule->given |= key >= 0 ? (uint16_t)(1U << key) : 0;
}

static const char *options_allowed(enum action action)
{
	return action == ACTION_FIX	  ? "idle=TIME, total=TIME, bytes=SIZE, rate=NUMBER"
		: action == ACTION_IGNORE ? "no option behind ignore"
					  : "rate=NUMBER; idle, total and bytes belong to fix";
}

void reader_option(struct reader *in, struct span word)
{
	const char *equals = memchr(word.at, '=', word.len);
	struct span name = {word.at, equals ? (size_t)(equals - word.at) : word.len};
	unsigned option = equals ? rules_value_option(name) : 0;
	enum action action = in->rule->action;
	unsigned fit = action == ACTION_FIX ? ~0U : action == ACTION_IGNORE ? 0 : OPTION_RATE;
	struct span value = {word.at + name.len + 1, word.len - name.len - 1};

	if (!(option & fit))
		reader_mistake(in, word, "is no option here", options_allowed(action));
	else if (in->rule->options & option)
		reader_mistake(in, name, "is given twice", "each option once");
	else if (!rules_value_set(in->rule, option, value))
		reader_mistake(in, word, "has no value that it can have",
			"times as 500ms, 2s or 1m up to 60m; sizes as 4096, 64K, 1M or 2G up to "
			"1024G; a rate of 0 to 1000000");
	in->rule->options |= (uint16_t)option;
}

bool reader_action(struct reader *in, struct span word)
{
	for (unsigned i = 0; i < ACTION_COUNT; i++) {
		if (!span_is(word, action_names[i]))
			continue;
		in->rule->action = (enum action)i;
		return true;
	}
	reader_mistake(in, word, "is no action", "ignore, log, fix, trap, abort");
	return false;
}

static void pack_ports(const struct reader *in, enum rule_key key, uint16_t *low, uint16_t *more)
{
	const struct rule_list *list = &in->rule->lists[key];
	const struct rule_item *item = in->r->items + list->first, *end = item + list->count;
	uint16_t high = 0;

	*low = 0;
	*more = UINT16_MAX;
	if (!(in->rule->given & 1U << key))
		return;
	*low = 1; /* a negated list may be anything that is known */
	*more = UINT16_MAX - 1;
	if (in->rule->negated & 1U << key)
		return;
	for (*low = UINT16_MAX; item < end; item++) {
		*low = item->ports.low < *low ? item->ports.low : *low;
		high = item->ports.high > high ? item->ports.high : high;
	}
	*more = (uint16_t)(high - *low);
}

static void pack_peer(struct reader *in, const struct rule_item *item)
{
	in->head.peer = item->net.packed;
	in->head.peer_mask = item->net.mask;
}

void reader_pack(struct reader *in)
{
	const struct rule_list *peers = &in->rule->lists[KEY_PEER];

	pack_ports(in, KEY_PORT, &in->head.port, &in->head.ports);
	pack_ports(in, KEY_PEER_PORT, &in->head.peer_port, &in->head.peer_ports);
	if (peers->count == 1 && !(in->rule->negated & 1U << KEY_PEER))
		pack_peer(in, &in->r->items[peers->first]);
}
