/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_COMMAND_H
#define RSTFIX_COMMAND_H

#include <stddef.h>

/*
 * The subcommands of rstfix: one row each, one cmd_NAME.c each. Usage and help are printed from the
 * table; a row without a summary is for rstfix itself to start and is not listed.
 */
struct command {
	const char *name;
	const char *arguments; /* as usage shows them */
	const char *summary;   /* one line */
	const char *details;   /* for `rstfix help NAME`; complete lines */
	/* argv[0] is the name. Returns the exit status. */
	int (*run)(int argc, char **argv);
};

extern const struct command commands[];
extern const size_t commands_count;

const struct command *command_named(const char *name);

/* One line a command. */
void command_list(void);

int cmd_run(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_lab(int argc, char **argv);
int cmd_victim(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_version(int argc, char **argv);

#endif
