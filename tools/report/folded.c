/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "base/format.h"

#include <stdlib.h>
#include <string.h>

/* What separates and ends frames in this format does not stand in their names. */
static void put_name(FILE *out, const char *name)
{
	unsigned n;

	for (; *name; name += n) {
		n = text_printable(name);
		if (n > 0 && *name != ';')
			fwrite(name, 1, n, out);
		else
			fputc(*name == ';' ? ':' : '?', out);
		n = n ? n : 1;
	}
}

/* The outermost of those that are inlined into one another first. */
static void put_sources(FILE *out, const struct source *at)
{
	if (at->outer)
		put_sources(out, at->outer);
	fputc(';', out);
	put_name(out, *at->function ? at->function : "??");
}

/* Without the place in the function, so that calls of the same function are one. */
static void put_frame(FILE *out, const struct stack_frame *f)
{
	const char *slash = strrchr(f->module, '/'), *plus = strchr(f->symbol, '+');
	char *name;

	if (f->source) {
		put_sources(out, f->source);
		return;
	}
	name = *f->symbol ? memory_text((struct span){f->symbol,
				    plus ? (size_t)(plus - f->symbol) : strlen(f->symbol)})
			  : memory_print("%s+0x%llx", slash ? slash + 1 : f->module,
				    (unsigned long long)f->offset);
	fputc(';', out);
	put_name(out, name);
	free(name);
}

/* Of an interpreted program the functions of its language, not the interpreter's own. */
static unsigned drawn(const struct stack *stack)
{
	unsigned language = 0;

	while (stack && language < stack->count && stack->frames[language].language)
		language++;
	return language ? language : stack ? stack->count : 0;
}

/* As flame graphs are drawn from: bytes destroyed, or events where no output was. */
void report_folded(const struct report *r, FILE *out)
{
	const struct tally *t = r->tally;
	bool bytes = t->site_count && t->sites[0].sum.destroyed;

	for (size_t i = 0; i < t->site_count; i++) {
		const struct site *s = &t->sites[i];
		const struct stack *stack = stacks_find(&t->stacks, s->stack_id);
		uint64_t weight = bytes ? s->sum.destroyed : s->sum.count;

		if (!weight)
			continue;
		put_name(out, *s->program ? s->program : "??");
		for (unsigned k = drawn(stack); k > 0; k--)
			put_frame(out, &stack->frames[k - 1]);
		fprintf(out, " %llu\n", (unsigned long long)weight);
	}
}
