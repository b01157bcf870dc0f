/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <string.h>

/* The parts of the page, put into the command when it is built. */
#define PART(name, file) \
	__asm__(".section .rodata\n" \
		".global " #name "\n" #name ":\n" \
		".incbin \"tools/report/" file "\"\n" \
		".byte 0\n" \
		".previous\n"); \
	extern const char name[] __attribute__((visibility("hidden")))

PART(page_html, "page.html");
PART(page_css, "page.css");
PART(graphs_js, "graphs.js");
PART(page_js, "page.js");

/* No text of a log can end the script that it stands in: < occurs within JSON's strings only. */
static void put_data(const struct report *r, FILE *out)
{
	json_object *o = report_document(r);
	const char *c = json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE);

	for (; *c; c++) {
		if (*c == '<')
			fputs("\\u003c", out);
		else
			fputc(*c, out);
	}
	json_object_put(o);
}

void report_html(const struct report *r, FILE *out)
{
	const char *at = page_html, *mark;

	while ((mark = strchr(at, '@'))) {
		fwrite(at, 1, (size_t)(mark - at), out);
		if (strncmp(mark, "@STYLE@", 7) == 0)
			fputs(page_css, out);
		else if (strncmp(mark, "@DATA@", 6) == 0)
			put_data(r, out);
		else
			fprintf(out, "\"use strict\";\n%s\n%s", graphs_js, page_js);
		at = strchr(mark + 1, '@') + 1;
	}
	fputs(at, out);
}
