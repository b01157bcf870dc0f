/* SPDX-License-Identifier: MIT */
#include "say.h"

#include "base/format.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define VALUE_SHOWN 200

void say(const char *command, const char *format, ...)
{
	char text[8192], line[8192];
	struct text t = text_on(line, sizeof(line));
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text_safe(&t, text);
	fprintf(stderr, "rstfix%s%s: %s\n", command ? " " : "", command ? command : "",
		text_end(&t));
}

static void escape(char *out, size_t size, const char *value)
{
	size_t used = 0;

	for (; *value && used + sizeof("\\xNN...") < size; value++) {
		unsigned char c = (unsigned char)*value;

		if (c >= ' ' && c != 0x7f && c != '\\')
			out[used++] = (char)c;
		else
			used += (size_t)sprintf(out + used, "\\x%02x", c);
	}
	strcpy(out + used, *value ? "..." : "");
}

int say_refusal(const char *command, const char *what, const char *value, const char *allowed)
{
	char shown[VALUE_SHOWN];

	escape(shown, sizeof(shown), value);
	say(command, "%s is \"%s\"; allowed: %s", what, shown, allowed);
	return EXIT_REFUSED;
}

/* Within its strings, that is: json-c escapes the others, and lets any byte through. */
void say_json(FILE *out, const char *json)
{
	unsigned n;

	for (; *json; json += n) {
		n = text_printable(json);
		if (n > 0 || (unsigned char)*json < ' ') {
			n = n ? n : 1;
			fwrite(json, 1, n, out);
		} else if (*json == 0x7f ||
			((unsigned char)json[0] == 0xc2 && (json[1] & 0xc0) == 0x80)) {
			n = *json == 0x7f ? 1 : 2;
			fprintf(out, "\\u%04x", (unsigned char)json[n - 1]);
		} else {
			n = 1;
			fputs("\\ufffd", out);
		}
	}
}
