/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "detect/facts.h"
#include "policy/policy.h"
#include "reach.h"
#include "say.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACTIONS	   "check FILE, print FILE, explain FILE OPTION..."
#define LINE	   4096
#define FRAMES_MAX 64

/* A mistake in the manner of a compiler, for editors to jump to. */
static void print_mistake(void *arg, const struct rule_mistake *m)
{
	char line[LINE];
	struct text t = text_on(line, sizeof(line));

	(void)arg;
	rules_mistake_text(&t, m);
	fprintf(stderr, "%s\n", text_end(&t));
}

static bool load(struct rules *r, const char *path)
{
	unsigned mistakes = policy_load(r, NULL, path, print_mistake, NULL);

	if (mistakes)
		say("policy", "%s: %u mistake%s: in force it would make the mode audit", path,
			mistakes, mistakes == 1 ? "" : "s");
	return mistakes == 0;
}

static void print_place(FILE *to, const struct rule *rule)
{
	fprintf(to, "%s:%u:%u", rule->source, rule->line, rule->column);
}

static void print_unreachable(const struct rule *rule, const struct reach *why)
{
	print_place(stdout, rule);
	fputs(": this rule can never decide: ", stdout);
	if (why->contradiction) {
		puts(why->contradiction);
		return;
	}
	fputs("the rule at ", stdout);
	print_place(stdout, why->before);
	puts(why->several ? " and others before it take all of it" : " takes all of it");
}

static bool any_mendable(uint32_t patterns)
{
	for (unsigned p = 0; p < PATTERN_COUNT; p++) {
		if ((patterns >> p & 1) && rules_mendable((enum pattern)p))
			return true;
	}
	return false;
}

static int check(const char *path)
{
	struct rules r;
	unsigned never = 0;

	if (!load(&r, path))
		return EXIT_REFUSED;
	for (uint32_t i = 0; i < r.count; i++) {
		const struct rule *rule = &r.list[i];
		struct reach why;

		if (!reach_possible(&r, rule, &why)) {
			never++;
			print_unreachable(rule, &why);
		}
		if (rule->action == ACTION_FIX && !any_mendable(r.heads[i].patterns)) {
			print_place(stdout, rule);
			puts(": there is no mend for its patterns: they will be logged, and say so");
		}
	}
	printf("%s: %u rule%s, no mistake", path, r.count, r.count == 1 ? "" : "s");
	if (never)
		printf(", %u can never decide", never);
	putchar('\n');
	return 0;
}

/* One rule a line, each in its canonical form: two policies can be compared. */
static int print(const char *path)
{
	static char line[4 * POLICY_FILE_MAX];
	struct rules r;

	if (!load(&r, path))
		return EXIT_REFUSED;
	for (uint32_t i = 0; i < r.count; i++) {
		struct text t = text_on(line, sizeof(line));

		rules_print(&t, &r, &r.list[i]);
		puts(text_end(&t));
	}
	return 0;
}

/* --- explain --- */

/* What the event is said to be; a key that is not given is not known. */
struct question {
	struct rule_query q;
	const char *value[KEY_COUNT]; /* as it was given */
	struct rule_frame frames[FRAMES_MAX];
	enum mode mode;
};

static struct rule_frame frame(const void *stack, unsigned i)
{
	return ((const struct rule_frame *)stack)[i];
}

static bool set_pattern(struct question *w, const char *value)
{
	int number = rules_pattern_number(span_of(value));

	w->q.pattern = (enum pattern)number;
	return number >= 0;
}

static bool set_op(struct question *w, const char *value)
{
	int number = rules_op_number(span_of(value));

	w->q.op = (enum op)number;
	return number >= 0;
}

static bool set_role(struct question *w, const char *value)
{
	w->q.role = strcmp(value, "server") == 0 ? ROLE_SERVER : ROLE_CLIENT;
	return w->q.role == ROLE_SERVER || strcmp(value, "client") == 0;
}

static bool set_intent(struct question *w, const char *value)
{
	static const struct word words[] = {{"abort", INTENT_ABORT}, {"config", INTENT_CONFIG},
		{"unknown", INTENT_UNKNOWN}, {NULL, 0}};
	uint64_t intent;

	if (!parse_word(value, words, &intent))
		return false;
	w->q.intent = (enum intent)intent;
	return true;
}

static bool set_number(const char *value, uint32_t min, uint16_t *out)
{
	uint32_t n;

	if (!parse_number(span_of(value), min, 65535, &n))
		return false;
	*out = (uint16_t)n;
	return true;
}

static bool set_port(struct question *w, const char *value)
{
	return set_number(value, 1, &w->q.local.port);
}

static bool set_peer_port(struct question *w, const char *value)
{
	return set_number(value, 1, &w->q.peer.port);
}

static bool set_peer(struct question *w, const char *value)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(w->q.peer.port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(w->q.peer.port)};

	if (inet_pton(AF_INET, value, &in.sin_addr) == 1)
		facts_endpoint(&in, sizeof(in), &w->q.peer);
	else if (inet_pton(AF_INET6, value, &in6.sin6_addr) == 1)
		facts_endpoint(&in6, sizeof(in6), &w->q.peer);
	else
		return false;
	return true;
}

static bool set_program(struct question *w, const char *value)
{
	w->q.program = value;
	return *value && !strchr(value, '/');
}

/* Frames are given callee first, as an event tells them. */
static bool set_callsite(struct question *w, const char *value)
{
	char *module = w->q.frames < FRAMES_MAX ? strdup(value) : NULL;
	char *mark = module ? strchr(module, '!') : NULL;

	if (!module)
		return false;
	if (mark)
		*mark = '\0';
	w->frames[w->q.frames++] = (struct rule_frame){module, mark ? mark + 1 : ""};
	return *module != '\0';
}

static bool set_status(struct question *w, const char *value)
{
	uint16_t n;

	if (!set_number(value, 0, &n))
		return false;
	w->q.status = n ? STATUS_NONZERO : STATUS_ZERO;
	return true;
}

static bool set_mode(struct question *w, const char *value)
{
	w->mode = strcmp(value, "fix") == 0 ? MODE_FIX : MODE_AUDIT;
	return w->mode == MODE_FIX || strcmp(value, "audit") == 0;
}

static const struct {
	const char *name;
	int key; /* that it gives a value to; -1: none */
	bool (*set)(struct question *w, const char *value);
	const char *allowed;
} options[] = {
	{"--pattern", -1, set_pattern, "a pattern; see 'rstfix help patterns'"},
	{"--op", KEY_OP, set_op, "a call: close, dup2, shutdown, read, ..."},
	{"--role", KEY_ROLE, set_role, "server, client"},
	{"--intent", KEY_INTENT, set_intent, "abort, config, unknown"},
	{"--port", KEY_PORT, set_port, "1 to 65535"},
	{"--peer-port", KEY_PEER_PORT, set_peer_port, "1 to 65535"},
	{"--peer", KEY_PEER, set_peer, "an IPv4 or IPv6 address"},
	{"--program", KEY_PROGRAM, set_program, "a program's name, without slash"},
	{"--callsite", KEY_CALLSITE, set_callsite, "MODULE!SYMBOL, for each frame once"},
	{"--status", KEY_STATUS, set_status, "an exit status"},
	{"--mode", -1, set_mode, "audit, fix"},
};

#define OPTIONS (sizeof(options) / sizeof(options[0]))

static int read_option(struct question *w, const char *name, const char *value)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		if (strcmp(options[i].name, name) != 0)
			continue;
		if (!value || !options[i].set(w, value))
			return say_refusal("policy", name, value ? value : "", options[i].allowed);
		if (options[i].key >= 0)
			w->value[options[i].key] = value;
		return 0;
	}
	return say_refusal("policy", "the option", name,
		"--pattern, --op, --role, --intent, --port, --peer, --peer-port, --program, "
		"--callsite, --status, --mode");
}

static void print_why_not(const struct question *w, enum rule_key key)
{
	if (key == KEY_PATTERN)
		printf("    no: the pattern is %s\n", rules_pattern_name(w->q.pattern));
	else if (w->value[key])
		printf("    no: the event's %s is %s\n", rule_key_names[key], w->value[key]);
	else
		printf("    no: nothing is known of the event's %s\n", rule_key_names[key]);
}

static void print_decision(const struct question *w, enum action action)
{
	printf("    %s\n", action_names[action]);
	if (action == ACTION_FIX && !rules_mendable(w->q.pattern))
		puts("    but this pattern has no mend: it is logged, and the event says so");
	else if (w->mode != MODE_FIX && action != ACTION_LOG && action != ACTION_IGNORE)
		puts("    but in mode audit nothing is done: the event names the action");
}

static int explain(const char *path, struct question *w)
{
	struct rules r;

	if (!load(&r, path))
		return EXIT_REFUSED;
	for (uint32_t i = 0; i < r.count; i++) {
		enum rule_key key;

		print_place(stdout, &r.list[i]);
		printf(": %s\n", r.list[i].text);
		if (rules_rule_matches(&r, &r.list[i], &w->q, &key)) {
			print_decision(w, r.list[i].action);
			return 0;
		}
		print_why_not(w, key);
	}
	puts("no rule matches: the mode decides");
	print_decision(w, rules_default(w->mode, w->q.pattern, w->q.intent, w->q.status));
	return 0;
}

static int explain_command(const char *path, char **argv)
{
	static struct question w;

	w.q.frame = frame;
	w.q.stack = w.frames;
	w.q.op = (enum op)63; /* none that a rule could name */
	for (; *argv; argv += argv[1] ? 2 : 1) {
		int refused = read_option(&w, argv[0], argv[1]);

		if (refused)
			return refused;
	}
	if (w.q.pattern == PATTERN_NONE)
		return say_refusal("policy", "--pattern", "", options[0].allowed);
	return explain(path, &w);
}

int cmd_policy(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	bool explains = strcmp(what, "explain") == 0, checks = strcmp(what, "check") == 0;

	if (!checks && !explains && strcmp(what, "print") != 0)
		return say_refusal("policy", "what to do", what, ACTIONS);
	if (argc < 3)
		return say_refusal("policy", "the file", "", "a file of rules");
	if (explains)
		return explain_command(argv[2], argv + 3);
	if (argc > 3)
		return say_refusal("policy", "the argument", argv[3], "one file");
	return checks ? check(argv[2]) : print(argv[2]);
}
