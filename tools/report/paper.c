/* SPDX-License-Identifier: MIT */
#include "paper.h"

#include "base/format.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NARROWEST 40

static const char *const inks[] = {
	[INK_PLAIN] = "",
	[INK_BOLD] = "\033[1m",
	[INK_RED] = "\033[31m",
	[INK_GREEN] = "\033[32m",
	[INK_YELLOW] = "\033[33m",
	[INK_DIM] = "\033[2m",
};

static size_t terminal_width(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	size_t width = 0;

	if (columns && *columns)
		width = strtoul(columns, NULL, 10);
	else if (ioctl(fd, TIOCGWINSZ, &size) == 0)
		width = size.ws_col;
	return width && width < NARROWEST ? NARROWEST : width;
}

void paper_start(struct paper *p, FILE *out)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	int fd = fileno(out);

	p->out = out;
	p->len = 0;
	p->width = 0;
	p->colours = false;
	if (!isatty(fd))
		return;
	p->width = terminal_width(fd);
	p->colours = (!no || !*no) && term && strcmp(term, "dumb") != 0;
}

/* Control characters, of C1 as well, and bytes that are no UTF-8 become question marks. */
static void make_printable(char *text)
{
	unsigned n;

	for (char *c = text; *c; c += n) {
		n = text_printable(c);
		if (n == 0) {
			*c = '?';
			n = 1;
		}
	}
}

void paper_add(struct paper *p, const char *format, ...)
{
	size_t room = sizeof(p->line) - p->len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(p->line + p->len, room, format, args);
	va_end(args);
	make_printable(p->line + p->len);
	p->len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

/* The bytes of the first `width` characters of UTF-8; an ellipsis takes the place of the last. */
static size_t fitting(const struct paper *p, bool *cut)
{
	size_t at = 0, column = 0, before_last = 0;

	*cut = false;
	for (; at < p->len; at++) {
		if (((unsigned char)p->line[at] & 0xc0) == 0x80)
			continue;
		if (p->width && column == p->width) {
			*cut = true;
			return before_last;
		}
		before_last = at;
		column++;
	}
	return p->len;
}

void paper_end(struct paper *p, enum ink ink)
{
	bool cut, coloured = p->colours && ink != INK_PLAIN;
	size_t len = fitting(p, &cut);

	fprintf(p->out, "%s%.*s%s%s\n", coloured ? inks[ink] : "", (int)len, p->line,
		cut ? "\xe2\x80\xa6" : "", coloured ? "\033[0m" : "");
	p->len = 0;
}
