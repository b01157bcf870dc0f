/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <stdio.h>
#include <string.h>

const struct command commands[] = {
	{"run", "[OPTION...] [--] COMMAND...", "run a program under the shim",
		"Executes COMMAND in place of rstfix itself: same process, same exit status. With\n"
		"--kernel or --fail-on it waits for it, passes signals on, and judges what happened.\n"
		"\n"
		"  --mode MODE      audit, fix or off           (RSTFIX_MODE)\n"
		"  --policy FILE    a file of rules             (RSTFIX_POLICY_FILE)\n"
		"  --log TARGET     where events go             (RSTFIX_LOG)\n"
		"  --format FORMAT  text or json                (RSTFIX_FORMAT)\n"
		"\n"
		"  --kernel              match each RST that the kernel sends with an event, and blame\n"
		"                        a late one on the close that left it: late-data (root; for\n"
		"                        others the kernel's counter is compared)\n"
		"  --fail-on PATTERNS    fail when an event has one of these patterns, or * for any\n"
		"  --error-exitcode N    the exit status then; 1\n"
		"  --baseline FILE       a log of an earlier run in JSON: its callsites may pass\n"
		"\n"
		"An option sets its variable; 'rstfix help environment' tells them all. Before it\n"
		"starts what the shim cannot see (a static, Go, setuid or musl program, one of another\n"
		"architecture) it warns. Exit status: that of COMMAND, or 2 for a mistake in the options\n"
		"or the environment, 126 if COMMAND cannot be executed, 127 if it is not found.\n",
		cmd_run},
	{"report", "[OPTION...] FILE|DIR...", "which lines of code reset whom, out of logs in JSON",
		"Sums up logs that were written with RSTFIX_FORMAT=json, by callsite, the most bytes of\n"
		"destroyed output first, with files and lines where debug data is found by the recorded\n"
		"build ids. Files may be gzip or zstd; of a DIR all files are read; - is standard input.\n"
		"Counter files (RSTFIX_STATS) count their processes in the place of the logs.\n"
		"\n"
		"  --format FORMAT  text, json, html (one page by itself), folded (for flame graphs,\n"
		"                   by bytes destroyed or else by events), sarif, junit, or\n"
		"                   prometheus: the counters of a folder of RSTFIX_STATS, as top's\n"
		"  --baseline OLD   a log or a report in JSON: what is new, gone and changed since\n"
		"  --sysroot DIR    where the modules' paths begin\n"
		"  --perf-map DIR   where the perf maps are that name code made at run time; /tmp\n"
		"  --correlate SERVER CLIENT\n"
		"                   instead, pairs each reset that one end's log has seen with the event\n"
		"                   of the other's that caused it\n"
		"\n"
		"A close that lingered counts once, as it ended. Lines that are cut off or no events are\n"
		"counted and passed over. Exit status: 0, 1 where the baseline does not know a callsite,\n"
		"2 for a mistake in the options or a file that cannot be read.\n",
		cmd_report},
	{"lab", "[OPTION...] [PATTERN...]", "show every pattern live: bare, audit, fix",
		"Runs each pattern (see 'rstfix help patterns') three times in a private network\n"
		"namespace: bare, under audit, under fix. Shows what the kernel sent (its own count of\n"
		"RST), how much of the answer the peer got, how its reading ended, and the event that\n"
		"was logged. Needs root or unprivileged user namespaces.\n"
		"\n"
		"  --doors  by every call that closes or that can fail, not by one for each pattern\n"
		"  --trace  ask the kernel why it sent each RST (root only)\n"
		"\n"
		"Exit status: 0 if each row is as it should be, 1 if not, 2 for a mistake in the\n"
		"options, 77 (with SKIP and the reason) where no namespace is to be had.\n",
		cmd_lab},
	{"doctor", "COMMAND...|PID", "can it be preloaded, and what will not be seen",
		"Judges a command, followed through scripts and env(1) to the file whose loader will\n"
		"run, or a process that runs: whether the shim can be in it (is it static, Go, setuid,\n"
		"musl, of another architecture; is the library visible where it looks), and what it\n"
		"would not see (io_uring, another preload or the program itself in front of libc's\n"
		"functions, a second libc, a seccomp filter). Of a process also whether the shim is\n"
		"loaded, in which mode, and where its log is. Each finding says what, why, and what to\n"
		"do. A command whose name is a number is given with its path.\n"
		"\n"
		"  --format FORMAT  text (default) or json, one object\n"
		"\n"
		"Exit status: 0 if all of it will be seen, 1 if something will not or may not be, 2 if\n"
		"it cannot be preloaded at all, or for a mistake in the options.\n",
		cmd_doctor},
	{"policy", "check|print|explain FILE", "find mistakes in rules, and which one decides",
		"check    lists every mistake of FILE with its line and column, and the rules that can\n"
		"         never decide because others come first, or because they contradict themselves.\n"
		"print    prints each rule in its canonical form.\n"
		"explain  tells which rule decides about an event, and why those before it do not:\n"
		"\n"
		"  --pattern PATTERN    what happens (needed)\n"
		"  --op CALL            by which call: close, dup2, fclose, ...\n"
		"  --role ROLE          server or client\n"
		"  --intent INTENT      of linger-zero: abort, config or unknown\n"
		"  --port NUMBER        the local port\n"
		"  --peer ADDRESS, --peer-port NUMBER\n"
		"  --program NAME\n"
		"  --callsite MODULE!SYMBOL   a frame of the stack; may be given more than once\n"
		"  --status NUMBER      of an exit\n"
		"  --mode MODE          audit (default) or fix\n"
		"\n"
		"What is not given is not known, and matches no rule that asks for it. Exit status: 2\n"
		"for a mistake in FILE or the options. The language is in rstfix-policy(5).\n",
		cmd_policy},
	{"top", "[OPTION...] [DIR]", "counters of running programs, live",
		"Shows the counter files that programs under the shim keep in DIR (RSTFIX_STATS=DIR):\n"
		"a row for each callsite of a program, summed up over its processes.\n"
		"\n"
		"  --once           print one table and stop; so it does where there is no terminal\n"
		"  --remove-ended   prints that of processes that have ended, and removes their files\n"
		"  --sort KEY       rate (default), events, lost, unread or program\n"
		"  --format FORMAT  text (default), or prometheus: for node_exporter's textfile collector\n"
		"\n"
		"Keys: r e l u p choose the order, the arrow keys scroll, q quits. LOST is output that\n"
		"resets have destroyed, SAVED what a mend has delivered. STATE tells ended processes from\n"
		"running ones; of several, how many run. DIR is that of RSTFIX_STATS where it is not given.\n",
		cmd_top},
	{"help", "[TOPIC]", "explain a command, or: environment, patterns, events", NULL, cmd_help},
	{"version", "", "print the version", NULL, cmd_version},
	{"victim", "", NULL, NULL, cmd_victim},
};

const size_t commands_count = sizeof(commands) / sizeof(commands[0]);

const struct command *command_named(const char *name)
{
	for (size_t i = 0; i < commands_count; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

void command_list(void)
{
	for (size_t i = 0; i < commands_count; i++) {
		const struct command *c = &commands[i];

		if (c->summary)
			printf("  %-8s%-30s%s\n", c->name, c->arguments, c->summary);
	}
}
