/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_RULES_H
#define RSTFIX_RULES_H

#include "../base/format.h"
#include "../detect/verdict.h"
#include "options.h"
#include "parse.h"

/*
 * Rules: from an event to what is done about it (rstfix-policy(5)). Parsed once into memory that the
 * caller gives; matching allocates nothing, asks nothing of the kernel, and may be done in any
 * context. The rules keep a copy of their text.
 */

enum action { ACTION_LOG, ACTION_FIX, ACTION_IGNORE, ACTION_TRAP, ACTION_ABORT, ACTION_COUNT };

extern const char *const action_names[ACTION_COUNT];

enum rule_key {
	KEY_ROLE,
	KEY_INTENT,
	KEY_PORT,
	KEY_PEER,
	KEY_PEER_PORT,
	KEY_PROGRAM,
	KEY_OP,
	KEY_CALLSITE,
	KEY_STATUS,
	KEY_COUNT,
	KEY_PATTERN = KEY_COUNT, /* what a rule begins with: has no name */
};

extern const char *const rule_key_names[KEY_COUNT];

/* One item of a list: a range of ports, a network, a glob, or the two globs of a callsite. */
struct rule_item {
	union {
		struct {
			uint16_t low, high;
		} ports;
		struct {
			uint8_t addr[16]; /* IPv4 as ::ffff:a.b.c.d */
			uint8_t bits;
			uint64_t packed, mask; /* as rule_head.peer: looked at first */
		} net;
		struct {
			struct span text; /* of a callsite: the module */
			struct span symbol;
		} glob;
	};
};

/* A key's list; masks (role, intent, op, status, pattern) have none. */
struct rule_list {
	uint32_t first, count; /* in rules.items */
};

/* What a rule asks first, packed: a hundred of these are looked at in 200 ns. */
struct rule_head {
	uint32_t patterns; /* bit: enum pattern */
	uint32_t is;	   /* RULE_IS_: role, intent, status */
	uint64_t ops;	   /* bit: enum op */
	uint64_t peer, peer_mask;
	uint16_t port, ports;		/* the hull of its list: the first, and how many more */
	uint16_t peer_port, peer_ports; /* no port is 0, so an unknown one is in no list */
};

#define RULE_IS_ROLE(role)     (1U << (role))
#define RULE_IS_INTENT(intent) (1U << (4 + (intent)))
#define RULE_IS_STATUS(status) (1U << (8 + (status)))
#define RULE_IS_ANY	       0xfffU

enum rule_status { STATUS_UNKNOWN, STATUS_ZERO, STATUS_NONZERO };

/* What stands behind the action. */
enum { OPTION_IDLE = 1, OPTION_TOTAL = 2, OPTION_BYTES = 4, OPTION_RATE = 8 };

struct rule {
	const char *source; /* a file's path, or the name of a variable */
	const char *text;   /* as it was written, from its first word to its last */
	uint32_t line, column;
	enum action action;
	uint16_t given;	  /* bit: enum rule_key */
	uint16_t negated; /* also KEY_PATTERN */
	uint16_t options; /* OPTION_ */
	struct rule_list lists[KEY_COUNT];
	uint32_t idle_ms, total_ms, rate;
	uint64_t bytes;
};

struct rules {
	struct rule_head *heads;
	struct rule *list;
	struct rule_item *items;
	struct rules_index *index; /* of the first rules; NULL: no rules */
	char *text;		   /* free room for texts */
	uint32_t count, item_count;
	uint32_t room, item_room, text_room;
	uint16_t given; /* keys that some rule has */
};

/* A stack frame of the event, callee first. "" where not known. */
struct rule_frame {
	const char *module, *symbol; /* a path; a name, perhaps followed by +0x12 */
};

/* The event, as rules see it. */
struct rule_query {
	enum pattern pattern;
	enum op op;
	enum role role;
	enum intent intent;
	enum rule_status status;
	struct endpoint local, peer; /* family 0: unknown */
	const char *program;	     /* NULL: unknown */
	unsigned frames;
	struct rule_frame (*frame)(const void *stack, unsigned i);
	const void *stack;
};

/* A mistake: where, which word, what is wrong with it, what is allowed. */
struct rule_mistake {
	const char *source;
	uint32_t line, column; /* from 1 on; in bytes; line 0: the whole source */
	struct span word;
	const char *what;		      /* "is no key" */
	const char *allowed;		      /* NULL: */
	void (*allowed_list)(struct text *t); /* ... this tells, or NULL as well */
};

typedef void rules_complain(void *arg, const struct rule_mistake *m);

/* The bytes, aligned as malloc does, that rules of `len` bytes of text in `sources` pieces take. */
size_t rules_room(size_t len, unsigned sources);

/* No rules yet, in `room`, which rules_room(len, sources) has measured and which is all zero. */
void rules_begin(struct rules *r, void *room, size_t len, unsigned sources);

/*
 * Appends the rules of a text of any bytes. Tells every mistake, and returns how many; then the rules
 * are not to be used. `source` names the text in complaints and events, and must outlive r.
 */
unsigned rules_read(
	struct rules *r, const char *source, struct span text, rules_complain *complain, void *arg);

/* The first rule that matches, or NULL. */
const struct rule *rules_match(const struct rules *r, const struct rule_query *q);

/* The rule's own verdict: true, or false and the first key that does not match. */
bool rules_rule_matches(const struct rules *r, const struct rule *rule, const struct rule_query *q,
	enum rule_key *why_not);

/* The program's name is known for good: rules that name another one will never match. */
void rules_keep_program(struct rules *r, const char *program);

/* What the mode does where no rule decides. ACTION_FIX only for what has a mend. */
enum action rules_default(
	enum mode mode, enum pattern pattern, enum intent intent, enum rule_status status);

/* Is there a mend for this pattern? */
bool rules_mendable(enum pattern pattern);

/* Does some rule name this very pattern, not `*`, to be mended? */
bool rules_name_to_fix(const struct rules *r, enum pattern pattern);

/* The limits for a socket of this rule (NULL: none decided), out of the general ones. */
struct linger_limits rules_limits(const struct rule *rule, const struct linger_limits *general);

/* "policy:3:1: unread-close -> fix", for events. */
void rules_name(struct text *t, const struct rule *rule);

/* The rule in its canonical form: parsed again it is the same rule. */
void rules_print(struct text *t, const struct rules *r, const struct rule *rule);

/* The mistake as one line, without a newline, fit for a terminal. */
void rules_mistake_text(struct text *t, const struct rule_mistake *m);

/* "unread-close,linger-zero", "*", "!peer-reset": the bits of enum pattern. False: a mistake. */
bool rules_patterns(struct span list, uint32_t *patterns);

/* --- for the parser's own parts, and for tools that look into rules --- */

/*
 * Names that are legal in a policy, by number: those of enum pattern (or enum op), and behind them
 * such as this version does not raise yet. NULL: no such number.
 */
const char *rules_pattern_name(unsigned number);
const char *rules_op_name(unsigned number);

/* The number of a name, or -1. */
int rules_pattern_number(struct span name);
int rules_op_number(struct span name);

/* An address in the form of rule_item.net. */
void rules_address(uint8_t addr[16], const struct endpoint *e);

/* The first n bytes of an address, at most 8, as a number. */
static inline uint64_t rules_leading(const uint8_t *bytes, unsigned n)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < n; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* Does the network have this address? */
bool rules_net_has(const struct rule_item *net, const uint8_t addr[16]);

#endif
