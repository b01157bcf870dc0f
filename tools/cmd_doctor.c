/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "doctor.h"
#include "policy/parse.h"
#include "preload.h"
#include "say.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define FORMATS "text, json"

/* Reads the options before the command or number. 0, or EXIT_REFUSED. */
static int read_options(char **argv, int *at, bool *json)
{
	for (*at = 1; argv[*at] && argv[*at][0] == '-'; ++*at) {
		const char *value = NULL;

		if (strcmp(argv[*at], "--") == 0) {
			++*at;
			break;
		}
		if (strncmp(argv[*at], "--format=", 9) == 0)
			value = argv[*at] + 9;
		else if (strcmp(argv[*at], "--format") == 0)
			value = argv[*at + 1] ? argv[++*at] : "";
		else
			return say_refusal("doctor", "the option", argv[*at], "--format");
		*json = strcmp(value, "json") == 0;
		if (!*json && strcmp(value, "text") != 0)
			return say_refusal("doctor", "--format", value, FORMATS);
	}
	return argv[*at] ? 0
			 : say_refusal("doctor", "the target", "",
				   "a program and its arguments, or the number of a process");
}

int cmd_doctor(int argc, char **argv)
{
	static struct diagnosis d;
	bool json = false;
	uint32_t pid;
	int at, refused = read_options(argv, &at, &json);

	(void)argc;
	if (refused)
		return refused;
	if (!preload_find(d.library))
		return preload_refuse("doctor", d.library, errno);
	if (!target_read(&d.own, d.library)) {
		say("doctor", "%s: %s", d.library, strerror(errno));
		return EXIT_REFUSED;
	}
	if (!argv[at + 1] && parse_number(span_of(argv[at]), 1, INT32_MAX, &pid))
		doctor_process(&d, (pid_t)pid);
	else
		doctor_command(&d, argv + at);
	if (json)
		diagnosis_print_json(&d);
	else
		diagnosis_print(&d);
	return (int)diagnosis_weight(&d);
}
