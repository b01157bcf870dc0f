/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "baseline.h"

#include <stdlib.h>
#include <string.h>

const char *const change_names[] = {"", "new", "changed", "same"};

enum change report_change(const struct report *r, const struct site *s, const struct known **was)
{
	*was = NULL;
	if (!r->baseline)
		return CHANGE_NONE;
	*was = baseline_find(r->baseline, s->pattern, s->op, s->stack_id);
	if (!*was)
		return CHANGE_NEW;
	return (*was)->count == (*was)->now_count && (*was)->destroyed == (*was)->now_destroyed
		? CHANGE_SAME
		: CHANGE_CHANGED;
}

static const char *basename_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Debian's and others' C library: where a close passes through it is not to blame. */
static bool is_libc(const char *module)
{
	const char *name = basename_of(module);

	return strncmp(name, "libc.so", 7) == 0 || strncmp(name, "libc-2", 6) == 0 ||
		strncmp(name, "libpthread", 10) == 0 || strncmp(name, "ld-linux", 8) == 0;
}

/* Of a language's library: to blame only where nothing else of the language is on the stack. */
static bool is_library(const struct stack_frame *f)
{
	const char *name = f->language ? f->module : f->symbol;

	return strstr(name, " node:") || strncmp(name, "<frozen ", 8) == 0 ||
		(strstr(name, "/lib/python3.") && !strstr(name, "-packages/"));
}

/* A function of the program's language; not what perf maps call a runtime's own code beside them. */
static bool is_language(const struct stack_frame *f)
{
	static const char *const own[] = {"Interpreter", "StubRoutines", "Stub:", "vtable stub",
		"itable stub", "Builtin:", "BytecodeHandler:", "$global::"};

	if (!f->language && (*f->module || !*f->symbol))
		return false;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]) && !f->language; i++) {
		if (strncmp(f->symbol, own[i], strlen(own[i])) == 0)
			return false;
	}
	return true;
}

const struct stack_frame *report_culprit(const struct stack *stack)
{
	const struct stack_frame *library = NULL;

	for (unsigned i = 0; stack && i < stack->count; i++) {
		const struct stack_frame *f = &stack->frames[i];

		if (is_language(f) && !is_library(f))
			return f;
		library = library || !is_language(f) ? library : f;
	}
	if (library)
		return library;
	for (unsigned i = 0; stack && i < stack->count; i++) {
		if (!is_libc(stack->frames[i].module))
			return &stack->frames[i];
	}
	return stack && stack->count ? &stack->frames[0] : NULL;
}

char *report_place(const struct stack_frame *f)
{
	const struct source *at = f->source;

	if (at && *at->file)
		return memory_print(
			"%s at %s:%u", *at->function ? at->function : "??", at->file, at->line);
	if (at)
		return memory_print(
			"%s (%s+0x%llx)", at->function, f->module, (unsigned long long)f->offset);
	return memory_print("%s (%s+0x%llx)", *f->symbol ? f->symbol : "??",
		*f->module ? f->module : "code made at run time", (unsigned long long)f->offset);
}
