/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "say.h"

#include <string.h>

static int refuse_command(const char *name)
{
	char allowed[128] = "";

	for (size_t i = 0; i < commands_count; i++) {
		if (!commands[i].summary)
			continue;
		if (*allowed)
			strcat(allowed, ", ");
		strcat(allowed, commands[i].name);
	}
	return say_refusal(NULL, "the command", name ? name : "", allowed);
}

int main(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2)
		return refuse_command(NULL);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return cmd_help(1, argv + 1);
	if (strcmp(argv[1], "--version") == 0)
		return cmd_version(1, argv + 1);
	c = command_named(argv[1]);
	if (c && c->details && argc == 3 && strcmp(argv[2], "--help") == 0)
		return cmd_help(2, (char *[]){argv[0], argv[1], NULL});
	return c ? c->run(argc - 1, argv + 1) : refuse_command(argv[1]);
}
