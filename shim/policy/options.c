/* SPDX-License-Identifier: MIT */
#include "options.h"

#include "parse.h"

#include <string.h>

#define PREFIX "RSTFIX_"

#define BACKTRACE_MAX 64
#define RATE_MAX      1000000
#define SOCKETS_MAX   1048576

#define LOG_ALLOWED \
	"stderr, none, syslog, journal, or a path with a slash (%p pid, %e program name, %% percent)"
#define LINGER_ALLOWED \
	"idle=TIME,total=TIME,sockets=NUMBER,bytes=SIZE in any order: times as 500ms, 2s or 1m up to " \
	"60m, sockets 1 to 1048576, sizes as 4096, 64K, 1M or 2G up to 1024G"
#define PROGRAMS_ALLOWED \
	"a comma list of program names without slash, * and ? as wildcards, at most 1023 bytes"

static bool set_mode(struct options *o, const char *value)
{
	static const struct word words[] = {
		{"audit", MODE_AUDIT}, {"fix", MODE_FIX}, {"off", MODE_OFF}, {NULL, 0}};
	uint64_t mode;

	if (!parse_word(value, words, &mode))
		return false;
	o->mode = (enum mode)mode;
	return true;
}

/* The rules themselves are read by policy.c: that takes memory. */
static bool set_policy(struct options *o, const char *value)
{
	o->policy = value;
	return true;
}

static bool set_policy_file(struct options *o, const char *value)
{
	if (strlen(value) >= PATH_MAX)
		return false;
	o->policy_file = value;
	return true;
}

static bool log_path_legal(const char *path)
{
	const char *percent = path;

	if (!strchr(path, '/') || strlen(path) >= PATH_MAX)
		return false;
	while ((percent = strchr(percent, '%')) != NULL) {
		if (!percent[1] || !strchr("pe%", percent[1]))
			return false;
		percent += 2;
	}
	return true;
}

static bool set_log(struct options *o, const char *value)
{
	static const struct word words[] = {{"stderr", LOG_STDERR}, {"none", LOG_NONE},
		{"syslog", LOG_SYSLOG}, {"journal", LOG_JOURNAL}, {NULL, 0}};
	uint64_t target;

	if (parse_word(value, words, &target)) {
		o->log = (enum log_target)target;
		strcpy(o->log_path, value);
		return true;
	}
	if (!log_path_legal(value))
		return false;
	o->log = LOG_FILE;
	strcpy(o->log_path, value);
	return true;
}

static bool set_format(struct options *o, const char *value)
{
	static const struct word words[] = {
		{"text", FORMAT_TEXT}, {"json", FORMAT_JSON}, {NULL, 0}};
	uint64_t format;

	if (!parse_word(value, words, &format))
		return false;
	o->format = (enum log_format)format;
	return true;
}

static bool set_backtrace(struct options *o, const char *value)
{
	return parse_number(span_of(value), 0, BACKTRACE_MAX, &o->backtrace);
}

static bool set_rate(struct options *o, const char *value)
{
	return parse_number(span_of(value), 0, RATE_MAX, &o->rate);
}

static bool linger_set(struct linger_limits *l, struct span key, struct span value)
{
	if (span_is(key, "idle"))
		return parse_duration(value, &l->idle_ms);
	if (span_is(key, "total"))
		return parse_duration(value, &l->total_ms);
	if (span_is(key, "sockets"))
		return parse_number(value, 1, SOCKETS_MAX, &l->sockets);
	if (!span_is(key, "bytes") || !parse_size(value, &l->bytes_accepted))
		return false;
	l->bytes_connected = l->bytes_accepted;
	return true;
}

static bool set_linger(struct options *o, const char *value)
{
	struct linger_limits limits = o->linger;
	struct span part, key;
	const char *equals;

	while (span_next(&part, &value)) {
		equals = memchr(part.at, '=', part.len);
		if (!equals)
			return false;
		key = (struct span){part.at, (size_t)(equals - part.at)};
		part = (struct span){equals + 1, part.len - key.len - 1};
		if (!linger_set(&limits, key, part))
			return false;
	}
	o->linger = limits;
	return true;
}

static bool set_exit(struct options *o, const char *value)
{
	return parse_duration(span_of(value), &o->exit_ms);
}

static bool set_programs(struct options *o, const char *value)
{
	const char *list = value;
	struct span part;

	if (strlen(value) >= sizeof(o->programs) || strchr(value, '/'))
		return false;
	while (span_next(&part, &list)) {
		if (span_trimmed(part).len == 0)
			return false;
	}
	strcpy(o->programs, value);
	return true;
}

static bool set_follow(struct options *o, const char *value)
{
	return parse_flag(value, &o->follow);
}

static bool set_watch(struct options *o, const char *value)
{
	return parse_flag(value, &o->watch);
}

static bool set_closes(struct options *o, const char *value)
{
	return parse_flag(value, &o->closes);
}

static bool set_stats(struct options *o, const char *value)
{
	if (!strchr(value, '/') || strlen(value) >= sizeof(o->stats))
		return false;
	strcpy(o->stats, value);
	return true;
}

/* PROGRAMS and FOLLOW count as enforcing: their scope, misread, would become every program. */
const struct option options_table[] = {
	{PREFIX "MODE", "word", "audit", "audit, fix or off",
		"audit: report, change nothing. fix: mend what has a safe mend. off: stay away.",
		true, set_mode},
	{PREFIX "POLICY", "rules", "", "rules, separated by ';' or newline",
		"What is done about which event: the first rule that matches wins; where none does, the "
		"mode decides. See rstfix-policy(5).",
		true, set_policy},
	{PREFIX "POLICY_FILE", "path", "", "the path of a file of rules",
		"A file of rules, which come after those of RSTFIX_POLICY.", true, set_policy_file},
	{PREFIX "LOG", "target", "stderr", LOG_ALLOWED,
		"Where events go. Text goes to standard error only here or by default; nothing ever goes "
		"to standard output.",
		false, set_log},
	{PREFIX "FORMAT", "word", "text", "text or json",
		"text: sentences for people. json: one object a line.", false, set_format},
	{PREFIX "BACKTRACE", "number", "16", "0 to 64", "Stack frames told with an event; 0: none.",
		false, set_backtrace},
	{PREFIX "RATE", "number", "10", "0 to 1000000",
		"Full events a second for one callsite; the rest are counted, and the count is told.",
		false, set_rate},
	{PREFIX "LINGER", "limits", "idle=2s,total=30s,sockets=1024", LINGER_ALLOWED,
		"How long and how much a mended close may wait for its peer: without progress, all in "
		"all, sockets at once, bytes thrown away. Without bytes= there is no cap for an accepted "
		"socket, and 1M for a connected one.",
		false, set_linger},
	{PREFIX "EXIT", "duration", "1s", "0, or a time as 500ms, 2s or 1m, up to 60m",
		"How long an orderly exit may wait until lingering output is acknowledged.", false,
		set_exit},
	{PREFIX "PROGRAMS", "globs", "", PROGRAMS_ALLOWED,
		"The programs in which the shim acts; empty: all.", true, set_programs},
	{PREFIX "FOLLOW", "flag", "1", "0 or 1",
		"0: take the shim out of the environment of programs executed from here.", true,
		set_follow},
	{PREFIX "WATCH", "flag", "0", "0 or 1",
		"1: in audit, in processes with one thread, hold each socket that is closed before its "
		"peer's FIN for up to 2 s, so that a late RST is proven without root.",
		false, set_watch},
	{PREFIX "CLOSES", "flag", "0", "0 or 1",
		"1: tell each close before the peer's FIN, a line of its own: rstfix run --kernel sets "
		"it, and finds in it who is to blame for a late RST.",
		false, set_closes},
	{PREFIX "STATS", "path", "", "a directory, with a slash in its path",
		"A directory, best on tmpfs, for one memory-mapped counter file a process; empty: none. See rstfix "
		"top.",
		false, set_stats},
};

const size_t options_count = sizeof(options_table) / sizeof(options_table[0]);

void options_default(struct options *o)
{
	*o = (struct options){
		.mode = MODE_AUDIT,
		.log = LOG_STDERR,
		.log_path = "stderr",
		.format = FORMAT_TEXT,
		.backtrace = 16,
		.rate = 10,
		.linger = {.idle_ms = 2000,
			.total_ms = 30000,
			.sockets = 1024,
			.bytes_accepted = BYTES_NO_CAP,
			.bytes_connected = 1 << 20},
		.exit_ms = 1000,
		.follow = true,
	};
}

static const struct option *option_named(struct span name)
{
	for (size_t i = 0; i < options_count; i++) {
		if (span_is(name, options_table[i].name))
			return &options_table[i];
	}
	return NULL;
}

/* The unknown name has to end where its '=' stands, and the environment is not ours to write to. */
static void complain_of_unknown(
	struct span name, const char *value, options_complain *complain, void *arg)
{
	char copy[64];
	size_t len = name.len < sizeof(copy) ? name.len : sizeof(copy) - 1;

	memcpy(copy, name.at, len);
	copy[len] = '\0';
	complain(arg, NULL, copy, value);
}

unsigned options_read(struct options *o, char *const env[], options_complain *complain, void *arg)
{
	unsigned mistakes = 0;
	bool distrust = false;

	options_default(o);
	for (; *env; env++) {
		const char *value = strchrnul(*env, '=');
		struct span name = {*env, (size_t)(value - *env)};
		const struct option *row;

		if (strncmp(*env, PREFIX, strlen(PREFIX)) != 0)
			continue;
		value += *value == '=';
		row = option_named(name);
		if (row && (!*value || row->parse(o, value)))
			continue;
		mistakes++;
		distrust |= !row || row->enforcing; /* it may be a policy's name, misspelt */
		if (row)
			complain(arg, row, row->name, value);
		else
			complain_of_unknown(name, value, complain, arg);
	}
	if (distrust && o->mode == MODE_FIX)
		o->mode = MODE_AUDIT;
	return mistakes;
}

bool options_program_matches(const char *list, const char *name)
{
	struct span glob;

	if (!*list)
		return true;
	while (span_next(&glob, &list)) {
		if (span_glob(span_trimmed(glob), name))
			return true;
	}
	return false;
}
