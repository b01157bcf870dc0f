/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <stdio.h>
#include <string.h>

const struct command commands[] = {
	{"run", "[OPTION...] [--] COMMAND...", "run a program under the shim",
		"Executes COMMAND in place of rstfix itself: same process, same exit status.\n"
		"\n"
		"  --mode MODE      audit, fix or off           (RSTFIX_MODE)\n"
		"  --policy FILE    a file of rules             (RSTFIX_POLICY_FILE)\n"
		"  --log TARGET     where events go             (RSTFIX_LOG)\n"
		"  --format FORMAT  text or json                (RSTFIX_FORMAT)\n"
		"\n"
		"An option sets its variable; 'rstfix help environment' tells them all. Before it\n"
		"starts what the shim cannot see (a static, Go, setuid or musl program, one of another\n"
		"architecture) it warns. Exit status: that of COMMAND, or 2 for a mistake in the options\n"
		"or the environment, 126 if COMMAND cannot be executed, 127 if it is not found.\n",
		cmd_run},
	{"lab", "[--trace] [PATTERN...]", "show every pattern live: bare, audit, fix",
		"Runs each pattern (see 'rstfix help patterns') three times in a private network\n"
		"namespace: bare, under audit, under fix. Shows what the kernel sent (its own count of\n"
		"RST), how much of the answer the peer got, how its reading ended, and the event that\n"
		"was logged. Needs root or unprivileged user namespaces.\n"
		"\n"
		"  --trace  ask the kernel why it sent each RST (root only)\n"
		"\n"
		"Exit status: 0 if each row is as it should be, 1 if not, 2 for a mistake in the\n"
		"options, 77 (with SKIP and the reason) where no namespace is to be had.\n",
		cmd_lab},
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
