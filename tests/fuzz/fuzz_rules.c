/* SPDX-License-Identifier: MIT */
/*
 * The parser of rules under libFuzzer: any bytes. What parses must print, parse again and print the
 * same; both must judge alike; and the packed form must judge as the rules themselves do.
 */
#include "policy/rules.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "fuzz_rules: %s\n", what);
	abort();
}

static void tell(void *arg, const struct rule_mistake *m)
{
	char line[1024];
	struct text t = text_on(line, sizeof(line));

	(void)arg;
	rules_mistake_text(&t, m);
	check(t.len > 0 && m->line > 0 && m->column > 0, "a mistake without a place");
}

/* Exactly as much memory as is asked for: the sanitizer sees a byte too many. */
static unsigned parse(struct rules *r, void **room, const char *text, size_t len)
{
	*room = calloc(1, rules_room(len, 1));
	rules_begin(r, *room, len, 1);
	return rules_read(r, "policy", (struct span){text, len}, tell, NULL);
}

static struct rule_frame frame(const void *stack, unsigned i)
{
	static const struct rule_frame frames[] = {{"/usr/lib/libhealth.so", "probe_http+0x12"},
		{"", ""}, {"/usr/sbin/a", "main+0x1"}};

	(void)stack;
	return frames[i];
}

/* A few events of every kind, chosen by a number. */
static struct rule_query event(uint32_t n)
{
	struct rule_query q = {
		.pattern = (enum pattern)(1 + n % (PATTERN_COUNT - 1)),
		.op = (enum op)(n % OP_COUNT),
		.role = (enum role)(n / 3 % 3),
		.intent = (enum intent)(n / 5 % 4),
		.status = (enum rule_status)(n / 7 % 3),
		.program = n % 4 ? "a" : NULL,
		.frames = n % 3,
		.frame = frame,
		.local = {.family = AF_INET, .port = (uint16_t)(n % 6 ? n * 13 : 0)},
		.peer = {.family = n % 8 == 0 ? 0
				: n & 1	      ? AF_INET
					      : AF_INET6,
			.port = (uint16_t)n,
			.addr = {(uint8_t)(n >> 3), 0, 0, (uint8_t)n}},
	};

	return q;
}

static const struct rule *first_by_itself(const struct rules *r, const struct rule_query *q)
{
	enum rule_key key;

	for (uint32_t i = 0; i < r->count; i++) {
		if (rules_rule_matches(r, &r->list[i], q, &key))
			return &r->list[i];
	}
	return NULL;
}

static void judge_alike(const struct rules *a, const struct rules *b)
{
	for (uint32_t n = 0; n < 40; n++) {
		struct rule_query q = event(n * 2654435761U >> 3);
		const struct rule *one = rules_match(a, &q), *two = rules_match(b, &q);

		check(one == first_by_itself(a, &q), "the packed form judges in another way");
		check((one ? one - a->list : -1) == (two ? two - b->list : -1),
			"what was printed judges in another way");
	}
}

static void print_all(struct text *t, const struct rules *r)
{
	for (uint32_t i = 0; i < r->count; i++) {
		rules_print(t, r, &r->list[i]);
		text_char(t, '\n');
	}
	check(!t->cut, "more than fits");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char first[1 << 20], second[1 << 20];
	struct text one = text_on(first, sizeof(first)), two = text_on(second, sizeof(second));
	char *text = malloc(size + 1);
	struct rules a, b;
	void *room_a, *room_b;

	memcpy(text, data, size);
	if (parse(&a, &room_a, text, size) == 0) {
		memset(text, 0, size); /* nothing may point there any more */
		print_all(&one, &a);
		check(parse(&b, &room_b, first, one.len) == 0, "what was printed does not parse");
		check(a.count == b.count, "what was printed has another number of rules");
		print_all(&two, &b);
		check(one.len == two.len && memcmp(first, second, one.len) == 0,
			"what was printed prints in another way");
		judge_alike(&a, &b);
		free(room_b);
	}
	free(room_a);
	free(text);
	return 0;
}
