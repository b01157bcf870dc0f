/* SPDX-License-Identifier: MIT */
/*
 * How long it takes to find that none of a hundred rules, or only the last one, is for an event.
 *
 * usage: rules KIND COUNT
 *
 * Each KIND is a policy of a hundred rules that differ in one key. Prints nanoseconds a match.
 */
#include "policy/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define RULES 100

static const struct kind {
	const char *name, *rule; /* %u: the number of the rule */
} kinds[] = {
	{"pattern", "linger-zero port=%u -> fix"},
	{"port", "unread-close role=server port=%u -> fix"},
	{"ports", "unread-close port=!%u,8080 -> fix"},
	{"ports-negated", "unread-close port=1-80,9000,%u peer-port=!40000-41000 -> fix"},
	{"peers", "unread-close peer=10.%u.0.0/16,172.16.0.1 -> fix"},
	{"peers-negated", "unread-close peer=!10.200.0.0/16,192.168.%u.0/24 -> fix"},
	{"peer", "unread-close role=server port=8080 peer=10.%u.0.0/16 -> fix"},
	{"peer6", "unread-close role=server peer=2001:db8:%u::/48 -> fix"},
	{"op", "unread-close role=server op=!close peer-port=%u -> fix"},
	{"program", "* program=program-%u -> fix"},
};

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void tell(void *arg, const struct rule_mistake *m)
{
	char line[512];
	struct text t = text_on(line, sizeof(line));

	(void)arg;
	rules_mistake_text(&t, m);
	fprintf(stderr, "rules: %s\n", text_end(&t));
}

static void build(struct rules *r, const char *rule)
{
	static char text[RULES * 128];
	size_t len = 0;

	for (unsigned i = 0; i < RULES; i++) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, rule, i + 1);
		text[len++] = '\n';
	}
	rules_begin(r, calloc(1, rules_room(len, 1)), len, 1);
	if (rules_read(r, "bench", (struct span){text, len}, tell, NULL) > 0)
		exit(1);
	rules_keep_program(r, "nginx");
}

static int run(const struct kind *kind, int count)
{
	struct rule_query q = {.pattern = PATTERN_UNREAD_CLOSE,
		.op = OP_CLOSE,
		.role = ROLE_SERVER,
		.local = {.family = AF_INET, .port = 8080},
		.peer = {.family = AF_INET, .port = 40000, .addr = {10, 200, 3, 4}},
		.program = "nginx"};
	struct rules r;
	double before;
	int found = 0;

	build(&r, kind->rule);
	before = seconds();
	for (int i = 0; i < count; i++) {
		q.peer.port = (uint16_t)(40000 + (i & 1023));
		found += rules_match(&r, &q) != NULL;
	}
	printf("%.1f %d\n", (seconds() - before) * 1e9 / count, found);
	return 0;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(argv[1], kinds[i].name))
			return run(&kinds[i], atoi(argv[2]));
	}
	fprintf(stderr, "usage: rules KIND COUNT\n");
	return 2;
}
