/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "base/format.h"

#include "baseline.h"

#include <stdlib.h>

/* XML 1.0 has no control characters, not even escaped ones. */
static void put_escaped(FILE *out, const char *text)
{
	unsigned n;

	for (; *text; text += n ? n : 1) {
		char c = *text;

		n = text_printable(text);
		if (c == '<')
			fputs("&lt;", out);
		else if (c == '>')
			fputs("&gt;", out);
		else if (c == '&')
			fputs("&amp;", out);
		else if (c == '"')
			fputs("&quot;", out);
		else if (n > 0)
			fwrite(text, 1, n, out);
		else
			fputc(c == '\n' ? c : '?', out);
	}
}

static void put_stack(const struct stack *stack, FILE *out)
{
	unsigned native = 0;

	for (unsigned i = 0; stack && i < stack->count; i++) {
		const struct stack_frame *f = &stack->frames[i];
		char *place = report_place(f);

		if (f->language)
			fputs("in ", out);
		else
			fprintf(out, "#%u ", native++);
		put_escaped(out, place);
		fputc('\n', out);
		free(place);
		for (const struct source *at = f->source ? f->source->outer : NULL; at;
			at = at->outer) {
			fputs("     inlined into ", out);
			put_escaped(out, at->function);
			fputs(" at ", out);
			put_escaped(out, at->file);
			fprintf(out, ":%u\n", at->line);
		}
	}
}

static void put_case(const struct report *r, const struct site *s, FILE *out)
{
	const struct stack *stack = stacks_find(&r->tally->stacks, s->stack_id);
	const struct stack_frame *f = report_culprit(stack);
	char *place = f ? report_place(f) : memory_print("an unknown stack");
	char *name = memory_print("%s by %s() in %s", s->pattern, s->op, place);
	const struct known *was;

	fputs("<testcase classname=\"", out);
	put_escaped(out, s->program);
	fputs("\" name=\"", out);
	put_escaped(out, name);
	fputc('"', out);
	if (report_change(r, s, &was) <= CHANGE_NEW) {
		fputs("><failure type=\"", out);
		put_escaped(out, s->pattern);
		fprintf(out, "\" message=\"%llu times, %llu bytes of output destroyed, stack ",
			(unsigned long long)s->sum.count, (unsigned long long)s->sum.destroyed);
		put_escaped(out, *s->stack_id ? s->stack_id : "unknown");
		fputs("\">", out);
		put_stack(stack, out);
		fputs("</failure></testcase>\n", out);
	} else {
		fputs("/>\n", out);
	}
	free(place);
	free(name);
}

/* A callsite is a test that fails, unless the baseline knows it. */
void report_junit(const struct report *r, FILE *out)
{
	const struct tally *t = r->tally;
	size_t failures = 0;
	const struct known *was;

	for (size_t i = 0; i < t->site_count; i++)
		failures += report_change(r, &t->sites[i], &was) <= CHANGE_NEW;
	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuites><testsuite name=\"rstfix\" tests=\"%zu\" failures=\"%zu\">\n",
		t->site_count ? t->site_count : 1, failures);
	if (!t->site_count)
		fputs("<testcase classname=\"rstfix\" name=\"no connection is reset\"/>\n", out);
	for (size_t i = 0; i < t->site_count; i++)
		put_case(r, &t->sites[i], out);
	fputs("</testsuite></testsuites>\n", out);
}
