/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "policy/options.h"
#include "say.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 76

struct topic {
	const char *name;
	void (*print)(void);
};

/* Text broken between words so that no line goes beyond WIDTH; each line begins with indent. */
static void print_wrapped(const char *indent, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (column && column + 1 + word > WIDTH) {
			putchar('\n');
			column = 0;
		}
		if (column)
			column += (size_t)printf(" %.*s", (int)word, text);
		else
			column = (size_t)printf("%s%.*s", indent, (int)word, text);
		text += word;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static void print_environment(void)
{
	puts("The shim is configured by environment variables. A value that cannot be read is\n"
	     "told on the log and its default is kept; a mistake in a variable marked * makes the\n"
	     "mode audit, so that nothing is enforced. 'rstfix run' refuses to start instead.\n");
	for (size_t i = 0; i < options_count; i++) {
		const struct option *row = &options_table[i];
		char line[512];

		printf("%s%s  (%s)\n", row->name, row->enforcing ? " *" : "", row->type);
		print_wrapped("    ", row->help);
		snprintf(line, sizeof(line), "Allowed: %s.", row->allowed);
		print_wrapped("    ", line);
		printf("    Default: %s\n\n", *row->fallback ? row->fallback : "(empty)");
	}
}

/* mdoc wants each sentence on a line of its own. */
static void print_sentences(const char *text)
{
	for (; *text; text++) {
		putchar(*text);
		if (text[0] == '.' && text[1] == ' ') {
			putchar('\n');
			text++;
		}
	}
	putchar('\n');
}

/* The same as a list of mdoc(7), for librstfix(7): the Makefile puts it in. */
static void print_environment_mdoc(void)
{
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < options_count; i++) {
		const struct option *row = &options_table[i];

		printf(".It Ev %s\n", row->name);
		print_sentences(row->help);
		printf("Allowed: %s.\n", row->allowed);
		if (*row->fallback)
			printf("Default:\n.Cm %s .\n", row->fallback);
		if (row->enforcing)
			puts("A mistake here makes the mode\n.Cm audit .");
	}
	puts(".El");
}

static void print_patterns(void)
{
	puts("What a program can do that makes TCP send RST, or shows that it got one:\n\n"
	     "  unread-close       it closes a socket with received data that it has not read.\n"
	     "                     fix: half-close, discard, wait for the peer's FIN.\n"
	     "  linger-zero        it closes with SO_LINGER {1,0} in effect, set on the socket or\n"
	     "                     inherited from the listener. Intent: abort (armed for this\n"
	     "                     close), config (armed earlier, or on the listener), unknown.\n"
	     "                     fix: intent config only, where it saves something.\n"
	     "  linger2-negative   it closes with TCP_LINGER2 below 0, set on the socket or inherited.\n"
	     "                     fix: sets it to 0, then as unread-close.\n"
	     "  listener-close     it closes a listener, or shuts down its reading side, while\n"
	     "                     connections wait. fix, by a rule only: each gets a FIN.\n"
	     "  disconnect         it calls connect() with AF_UNSPEC on a live connection.\n"
	     "  shutdown-read      it shuts down both directions before the peer's FIN, and the\n"
	     "                     peer sends on. Told once that has been proven.\n"
	     "                     fix: the reading side is shut before the next read or wait of\n"
	     "                     the program; a close that comes first lingers instead.\n"
	     "  late-data          it closes with nothing unread, and the peer sends on: output under\n"
	     "                     way is destroyed. Told in mode fix, which lingers (fix: as\n"
	     "                     unread-close) where output or bulk input is under way, with\n"
	     "                     RSTFIX_WATCH=1, and by 'rstfix run --kernel'.\n"
	     "  write-after-close  it writes after it has read the peer's end of file.\n"
	     "  peer-reset         a read or write gives ECONNRESET.\n"
	     "  connect-refused    a connection is refused.\n"
	     "  timed-out          an established connection times out.\n\n"
	     "disconnect and the last four are reported only. 'rstfix lab' shows each of them live.");
}

static void print_events(void)
{
	puts("With RSTFIX_FORMAT=json the log has one object a line. event is rst, summary (counts\n"
	     "at exit) or notice (what was not seen, and limits). Of an rst event:\n\n"
	     "  pattern   see 'rstfix help patterns'\n"
	     "  op        the call that did it: close, dup2, fclose, shutdown, read...\n"
	     "  action    what was decided: log, fix, trap or abort; rule: by which rule\n"
	     "  outcome   reset      the kernel sends RST\n"
	     "            averted    FIN sent, the peer's FIN seen\n"
	     "            delivered  all output acknowledged, then closed\n"
	     "            expired    a limit was hit with output unacknowledged\n"
	     "            failed     the mend did not work\n"
	     "            shared     somebody else holds the socket: left alone\n"
	     "            seen       an error that the program got\n"
	     "  unread    bytes received, never read and thrown away\n"
	     "  unsent    bytes written, not yet acknowledged and destroyed with it\n"
	     "  harm      output-lost, reset-seen, or quiet\n"
	     "  stack_id  the line of code: the same in every run and on every machine\n"
	     "  frames    the stack, callee first; armed_by: where the cause was set");
}

static const struct topic topics[] = {
	{"environment", print_environment},
	{"environment-mdoc", print_environment_mdoc},
	{"patterns", print_patterns},
	{"events", print_events},
};

#define TOPICS (sizeof(topics) / sizeof(topics[0]))

static void print_usage(void)
{
	puts("rstfix shows, and mends, the moments at which a program makes TCP send RST.\n\n"
	     "usage: rstfix COMMAND [ARGUMENT...]\n");
	command_list();
}

static int print_command(const struct command *c)
{
	printf("rstfix %s%s%s: %s\n", c->name, *c->arguments ? " " : "", c->arguments, c->summary);
	if (c->details)
		printf("\n%s", c->details);
	return 0;
}

static int refuse_topic(const char *name)
{
	char allowed[160] = "";

	for (size_t i = 0; i < commands_count; i++) {
		if (commands[i].summary)
			strcat(strcat(allowed, commands[i].name), ", ");
	}
	for (size_t i = 0; i < TOPICS; i++)
		strcat(strcat(allowed, topics[i].name), i + 1 < TOPICS ? ", " : "");
	return say_refusal("help", "the topic", name, allowed);
}

int cmd_help(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		print_usage();
		return 0;
	}
	c = command_named(argv[1]);
	if (c && c->summary)
		return print_command(c);
	for (size_t i = 0; i < TOPICS; i++) {
		if (strcmp(topics[i].name, argv[1]) == 0) {
			topics[i].print();
			return 0;
		}
	}
	return refuse_topic(argv[1]);
}
