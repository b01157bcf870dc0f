/* SPDX-License-Identifier: MIT */
#include "symbols.h"

#include "module_file.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

/* libstdc++'s, of the C++ ABI. */
char *__cxa_demangle(const char *name, char *buffer, size_t *size, int *status);

static const char *demangled(struct symbols *s, const char *name)
{
	char *plain = name && name[0] == '_' && name[1] == 'Z'
		? __cxa_demangle(name, NULL, NULL, NULL)
		: NULL;
	const char *kept = words_keep(&s->words, span_of(plain ? plain : name ? name : ""));

	free(plain);
	return kept;
}

static const char *function_of(struct symbols *s, Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	const char *name = NULL;

	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) ||
		dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute))
		name = dwarf_formstring(&attribute);
	return demangled(s, name ? name : dwarf_diename(die));
}

static struct source *source_add(struct symbols *s)
{
	struct source *made = memory_get(1, sizeof(*made));

	*made = (struct source){.function = "", .file = "", .made_before = s->made};
	s->made = made;
	return made;
}

static bool is_function(Dwarf_Die *die)
{
	int tag = dwarf_tag(die);

	return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine ||
		tag == DW_TAG_entry_point;
}

static unsigned number_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	return dwarf_formudata(dwarf_attr(die, name, &attribute), &value) == 0 ? (unsigned)value
									       : 0;
}

/* Where an inlined function was called. */
static void set_call(struct symbols *s, struct source *at, Dwarf_Die *inlined, Dwarf_Files *files)
{
	unsigned file = number_of(inlined, DW_AT_call_file);
	const char *path = files && file ? dwarf_filesrc(files, file, NULL, NULL) : NULL;

	at->file = words_keep(&s->words, span_of(path ? path : ""));
	at->line = number_of(inlined, DW_AT_call_line);
	at->column = number_of(inlined, DW_AT_call_column);
}

/* The functions around the address, out of its scopes, of which the innermost comes first. */
static void add_functions(
	struct symbols *s, struct source *innermost, Dwarf_Die *scopes, int n, Dwarf_Files *files)
{
	struct source *at = innermost;
	Dwarf_Die *inlined = NULL;

	for (int i = 0; i < n; i++) {
		if (!is_function(&scopes[i]))
			continue;
		if (inlined) {
			struct source *outer = source_add(s);

			set_call(s, outer, inlined, files);
			at->outer = outer;
			at = outer;
		}
		at->function = function_of(s, &scopes[i]);
		if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine)
			return;
		inlined = &scopes[i];
	}
}

static void find_functions(struct symbols *s, struct source *innermost, const struct module_file *m,
	Dwarf_Addr address)
{
	Dwarf_Addr bias;
	Dwarf_Die *unit = dwfl_module_addrdie(m->module, address, &bias), *scopes = NULL, first;
	Dwarf_Files *files = NULL;
	Dwarf *dwarf = dwfl_module_getdwarf(m->module, &bias);
	int n = unit ? dwarf_getscopes(unit, address - bias, &scopes) : 0;

	if (n <= 0)
		return;
	/* Those of the address leave the inlined functions for where they are defined. */
	dwarf_offdie(dwarf, dwarf_dieoffset(&scopes[0]), &first);
	free(scopes);
	n = dwarf_getscopes_die(&first, &scopes);
	if (n <= 0)
		return;
	dwarf_getsrcfiles(unit, &files, NULL);
	add_functions(s, innermost, scopes, n, files);
	free(scopes);
}

/* NULL: nothing is known of it. */
static const struct source *look_up(
	struct symbols *s, const struct module_file *m, uint64_t offset, bool *has_line)
{
	Dwarf_Addr address = offset + m->bias;
	Dwfl_Line *line = dwfl_module_getsrc(m->module, address);
	const char *name = dwfl_module_addrname(m->module, address), *file = NULL;
	struct source *at;
	int number = 0, column = 0;

	if (line)
		file = dwfl_lineinfo(line, NULL, &number, &column, NULL, NULL);
	*has_line = file != NULL;
	if (!file && !name)
		return NULL;
	at = source_add(s);
	at->file = words_keep(&s->words, span_of(file ? file : ""));
	at->line = (unsigned)number;
	at->column = (unsigned)column;
	if (line)
		find_functions(s, at, m, address);
	if (!*at->function)
		at->function = demangled(s, name);
	return at;
}

static void tell(struct symbols *s, const struct stack_frame *f, const char *why)
{
	struct unresolved *u;

	for (size_t i = 0; i < s->unresolved_count; i++) {
		u = &s->unresolved[i];
		if (u->module == f->module && u->build_id == f->build_id &&
			strcmp(u->why, why) == 0) {
			u->frames++;
			return;
		}
	}
	s->unresolved = memory_grow(
		s->unresolved, s->unresolved_count, &s->unresolved_room, sizeof(*s->unresolved));
	s->unresolved[s->unresolved_count++] =
		(struct unresolved){f->module, f->build_id, memory_text(span_of(why)), 1};
}

/* A frame of some stack, to be put in order. */
struct place {
	struct stack_frame *frame;
};

static int compare(const void *a, const void *b)
{
	const struct stack_frame *f = ((const struct place *)a)->frame;
	const struct stack_frame *g = ((const struct place *)b)->frame;
	int order = strcmp(f->module, g->module);

	order = order ? order : strcmp(f->build_id, g->build_id);
	return order ? order : (f->offset > g->offset) - (f->offset < g->offset);
}

static bool same_module(const struct stack_frame *f, const struct stack_frame *g)
{
	return f->module == g->module && f->build_id == g->build_id;
}

/* Frames in order: each module is opened once, each address looked up once. */
static void resolve_all(
	struct symbols *s, const struct place *places, size_t n, const char *sysroot)
{
	struct module_file m = {.why = NULL};
	bool has_line = true;

	for (size_t i = 0; i < n; i++) {
		struct stack_frame *f = places[i].frame, *before = i ? places[i - 1].frame : NULL;

		if (!before || !same_module(f, before)) {
			module_file_close(&m);
			module_file_open(&m, f->module, f->build_id, sysroot);
			before = NULL;
		}
		if (before && before->offset == f->offset)
			f->source = before->source;
		else if (m.module)
			f->source = look_up(s, &m, f->offset, &has_line);
		if (m.why || !has_line)
			tell(s, f, m.why ? m.why : "no line numbers for some of its code");
	}
	module_file_close(&m);
}

/* The log has it all. */
static const struct source *written(struct symbols *s, const struct stack_frame *f)
{
	struct source *at = source_add(s);

	at->function = f->symbol;
	at->file = *f->module ? f->module : "??";
	at->line = f->line;
	return at;
}

void symbols_resolve(struct symbols *s, struct stacks *stacks, const struct symbols_from *from)
{
	struct place *places = NULL;
	size_t count = 0, room = 0;

	perf_map_resolve(stacks, &s->words, &from->maps);
	for (size_t i = 0; i < stacks->count; i++) {
		for (unsigned k = 0; k < stacks->list[i].count; k++) {
			struct stack_frame *f = &stacks->list[i].frames[k];

			if (f->language) {
				f->source = written(s, f);
				continue;
			}
			if (!*f->module) {
				if (!*f->symbol)
					tell(s, f, stacks->list[i].why_unnamed);
				continue;
			}
			places = memory_grow(places, count, &room, sizeof(*places));
			places[count++].frame = f;
		}
	}
	if (count)
		qsort(places, count, sizeof(*places), compare);
	resolve_all(s, places, count, from->sysroot);
	free(places);
}

void symbols_free(struct symbols *s)
{
	for (struct source *at = s->made, *before; at; at = before) {
		before = at->made_before;
		free(at);
	}
	for (size_t i = 0; i < s->unresolved_count; i++)
		free(s->unresolved[i].why);
	free(s->unresolved);
	words_free(&s->words);
}
