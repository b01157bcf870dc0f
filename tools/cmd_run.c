/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "gate.h"
#include "kernel.h"
#include "policy/policy.h"
#include "preload.h"
#include "runlog.h"
#include "say.h"
#include "supervise.h"
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND	    127

/* An option of the command line that stands for a variable of the environment. */
struct setting {
	const char *option;
	const char *variable;
	enum { IS_WORD, IS_FILE, IS_LOG } kind;
};

static const struct setting settings[] = {
	{"mode", "RSTFIX_MODE", IS_WORD},
	{"policy", "RSTFIX_POLICY_FILE", IS_FILE},
	{"log", "RSTFIX_LOG", IS_LOG},
	{"format", "RSTFIX_FORMAT", IS_WORD},
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))
#define OPTIONS \
	"--mode, --policy, --log, --format, --kernel, --fail-on, --error-exitcode, --baseline, " \
	"then the command"

/* How long what the command leaves behind may go on before its log is judged. */
#define GRACE_MS 1000

static struct gate gate;
static struct kernel kernel;
static struct runlog runlog;
static bool ask_kernel; /* --kernel */

/* An option that is no variable: the gate's. */
static const char **gate_option(const char *name, size_t len)
{
	struct span s = {name, len};

	return span_is(s, "fail-on")	       ? &gate.fail_on
		: span_is(s, "error-exitcode") ? &gate.exitcode
		: span_is(s, "baseline")       ? &gate.baseline
					       : NULL;
}

static const struct option *row_of(const char *variable)
{
	for (size_t i = 0; i < options_count; i++) {
		if (strcmp(options_table[i].name, variable) == 0)
			return &options_table[i];
	}
	abort(); /* an option of ours for a variable that there is not */
}

/* The current directory, with each percent sign doubled where % has a meaning (RSTFIX_LOG). */
static bool directory_of(char out[PATH_MAX], bool percent)
{
	char cwd[PATH_MAX];
	size_t used = 0;

	if (!getcwd(cwd, sizeof(cwd)))
		return false;
	for (const char *at = cwd; *at; at++) {
		if (used + 3 > PATH_MAX)
			return false;
		if (*at == '%' && percent)
			out[used++] = '%';
		out[used++] = *at;
	}
	out[used] = '\0';
	return true;
}

/* The program may change its directory before the shim opens a file: paths are made absolute. */
static bool absolute(char *out, size_t size, const struct setting *s, const char *value)
{
	char cwd[PATH_MAX];
	bool word = s->kind == IS_WORD || (s->kind == IS_LOG && !strchr(value, '/'));

	if (word || *value == '/')
		return snprintf(out, size, "%s", value) < (int)size;
	return directory_of(cwd, s->kind == IS_LOG) &&
		snprintf(out, size, "%s/%s", cwd, value) < (int)size;
}

static int apply(const struct setting *s, const char *value)
{
	const struct option *row = row_of(s->variable);
	static struct options scratch;
	char option[32], full[2 * PATH_MAX];

	snprintf(option, sizeof(option), "--%s", s->option);
	options_default(&scratch);
	if (!*value || !row->parse(&scratch, value))
		return say_refusal("run", option, value, row->allowed);
	if (s->kind == IS_FILE && access(value, R_OK) != 0)
		return say_refusal("run", option, value, "a file that can be read");
	if (!absolute(full, sizeof(full), s, value))
		return say_refusal("run", option, value, "a shorter path");
	return setenv(s->variable, full, 1) == 0 ? 0 : EXIT_REFUSED;
}

static const struct setting *setting_named(const char *name, size_t len)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		if (strlen(settings[i].option) == len && memcmp(settings[i].option, name, len) == 0)
			return &settings[i];
	}
	return NULL;
}

static int apply_gate(const char **into, const char *option, const char *value)
{
	if (!value || !*value)
		return say_refusal("run", option, "", "a value; see 'rstfix help run'");
	if (into == &gate.baseline && access(value, R_OK) != 0)
		return say_refusal("run", option, value, "a file that can be read");
	*into = value;
	return 0;
}

/* Applies "--name value" or "--name=value" at argv[*at] and moves past it. */
static int read_option(char **argv, int *at)
{
	const char *word = argv[*at], *equals = strchr(word, '=');
	size_t len = (equals ? (size_t)(equals - word) : strlen(word)) - 2;
	const struct setting *s = setting_named(word + 2, len);
	const char **gates = gate_option(word + 2, len);

	if (strcmp(word, "--kernel") == 0) {
		++*at;
		ask_kernel = true;
		return 0;
	}
	if (gates) {
		++*at;
		if (equals)
			return apply_gate(gates, word, equals + 1);
		return apply_gate(gates, word, argv[*at] ? argv[(*at)++] : NULL);
	}
	if (!s)
		return say_refusal("run", "the option", word, OPTIONS);
	++*at;
	if (equals)
		return apply(s, equals + 1);
	if (!argv[*at])
		return say_refusal("run", word, "", row_of(s->variable)->allowed);
	return apply(s, argv[(*at)++]);
}

/* Fills *at with the place of the command's first word. */
static int read_command_line(char **argv, int *at)
{
	for (*at = 1; argv[*at] && argv[*at][0] == '-';) {
		int refused;

		if (strcmp(argv[*at], "--") == 0) {
			++*at;
			break;
		}
		if (strncmp(argv[*at], "--", 2) != 0)
			return say_refusal("run", "the option", argv[*at], OPTIONS);
		refused = read_option(argv, at);
		if (refused)
			return refused;
	}
	return argv[*at] ? 0 : say_refusal("run", "the command", "", "a program and its arguments");
}

static void tell_mistake(void *arg, const struct option *row, const char *name, const char *value)
{
	(void)arg;
	if (row)
		say_refusal("run", name, value, row->allowed);
	else
		say("run", "%s is no variable of the shim; see 'rstfix help environment'", name);
}

static void tell_rule(void *arg, const struct rule_mistake *m)
{
	char line[4096];
	struct text t = text_on(line, sizeof(line));

	(void)arg;
	rules_mistake_text(&t, m);
	say("run", "%s", text_end(&t));
}

static int set_preload(char library[PATH_MAX])
{
	static char value[128 * 1024]; /* the kernel's limit for one string (MAX_ARG_STRLEN) */

	if (!preload_find(library))
		return preload_refuse("run", library, errno);
	if (!preload_append(value, sizeof(value), getenv("LD_PRELOAD"), library)) {
		say("run", "LD_PRELOAD is too long already: shorten it");
		return EXIT_REFUSED;
	}
	return setenv("LD_PRELOAD", value, 1) == 0 ? 0 : EXIT_REFUSED;
}

/* The shim leaves standard error alone where it might be the program's conversation (law 9). */
static void warn_of_silence(const struct options *o)
{
	struct stat out, err;

	if (o->log != LOG_STDERR || fstat(1, &out) != 0 || fstat(2, &err) != 0)
		return;
	if (!S_ISFIFO(err.st_mode) && !S_ISSOCK(err.st_mode))
		return;
	if (out.st_dev != err.st_dev || out.st_ino != err.st_ino)
		return;
	say("run",
		"warning: standard error is the same pipe as standard output, so nothing will be "
		"logged there: give --log FILE");
}

static void warn_of_blindness(char *const command[], const char *library)
{
	static struct target own;
	char path[PATH_MAX];
	unsigned faults;

	if (!target_read(&own, library))
		return;
	faults = target_follow(path, command, getenv("PATH"), &own);
	for (unsigned fault = 1; fault && fault <= faults; fault <<= 1) {
		const char *what, *why, *remedy;

		if (!(faults & fault))
			continue;
		target_explain(fault, &what, &why, &remedy);
		say("run", "warning: %s %s: %s, so nothing of it will be seen; %s", path, what, why,
			remedy);
	}
}

static int refuse_execution(const char *program, int error)
{
	say("run", "%s: %s", program, strerror(error));
	return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

static bool judge_log(void)
{
	bool passes;

	if (ask_kernel) /* what it finds, the gate judges */
		kernel_end(&kernel, runlog.path);
	passes = !gate.fail_on || gate_judge(&gate, runlog.path);
	runlog_end(&runlog);
	return passes;
}

/* The command runs beside: its log is judged when it and what it left have ended. */
static int run_judged(char *const command[])
{
	struct supervised s;
	bool passes;

	if (ask_kernel)
		kernel_begin(&kernel);
	if (!supervise(&s, command, GRACE_MS)) {
		say("run", "%s: %s", command[0], strerror(errno));
		kernel_stop(&kernel);
		runlog_end(&runlog);
		return EXIT_NOT_EXECUTABLE;
	}
	passes = judge_log();
	if (s.error)
		return refuse_execution(command[0], s.error);
	if (s.left)
		say("run",
			"processes that the command left behind still run: what they do from here on "
			"is not judged");
	return passes ? supervise_end_alike(&s) : gate.status;
}

int cmd_run(int argc, char **argv)
{
	static struct options o;
	char library[PATH_MAX];
	struct rules rules;
	int at, refused;
	bool judged;

	(void)argc;
	refused = read_command_line(argv, &at);
	if (refused)
		return refused;
	refused = gate_options(&gate);
	if (refused)
		return refused;
	if (options_read(&o, environ, tell_mistake, NULL) ||
		policy_load(&rules, o.policy, o.policy_file, tell_rule, NULL))
		return EXIT_REFUSED;
	refused = gate.fail_on ? gate_check(&gate, &o, &rules) : 0;
	if (refused)
		return refused;
	if (ask_kernel && o.mode == MODE_OFF)
		return say_refusal("run", "with --kernel the mode", "off", "audit, fix");
	refused = set_preload(library);
	if (refused)
		return refused;
	judged = gate.fail_on || ask_kernel;
	if (!judged)
		warn_of_silence(&o);
	warn_of_blindness(argv + at, library);
	if (judged) {
		refused = runlog_open(&runlog, &o, gate.fail_on ? "--fail-on" : "--kernel");
		return refused ? refused : run_judged(argv + at);
	}
	execvp(argv[at], argv + at);
	return refuse_execution(argv[at], errno);
}
