/* SPDX-License-Identifier: MIT */
#include "dynamic.h"

#include <elf.h>
#include <link.h>
#include <stdio.h>

#define ENTRIES_MAX 1000000 /* symbols; a file that claims more is not worth the time */

/* A table of fixed entries, and the strings that they name. */
struct table {
	ElfW(Shdr) entries, strings;
};

static bool header_of(struct image im, ElfW(Ehdr) * header)
{
	return image_get(im, 0, header, sizeof(*header)) &&
		memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
		header->e_ident[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) &&
		header->e_shentsize == sizeof(ElfW(Shdr));
}

static bool section_at(
	struct image im, const ElfW(Ehdr) * header, unsigned index, ElfW(Shdr) * section)
{
	return index < header->e_shnum &&
		image_get(
			im, header->e_shoff + index * sizeof(*section), section, sizeof(*section));
}

static bool find_table(struct image im, uint32_t type, struct table *t)
{
	ElfW(Ehdr) header;

	if (!header_of(im, &header))
		return false;
	for (unsigned i = 0; section_at(im, &header, i, &t->entries); i++) {
		if (t->entries.sh_type == type)
			return section_at(im, &header, t->entries.sh_link, &t->strings);
	}
	return false;
}

static const char *string_at(struct image im, const struct table *t, uint64_t offset)
{
	if (offset >= im.size || t->strings.sh_offset >= im.size)
		return NULL;
	return image_text(im, t->strings.sh_offset + offset);
}

const char *dynamic_needs(struct image im, const char *begins)
{
	struct table t;
	ElfW(Dyn) entry;

	if (!find_table(im, SHT_DYNAMIC, &t))
		return NULL;
	for (uint64_t at = 0; at < t.entries.sh_size; at += sizeof(entry)) {
		const char *name;

		if (!image_get(im, t.entries.sh_offset + at, &entry, sizeof(entry)) ||
			entry.d_tag == DT_NULL)
			return NULL;
		if (entry.d_tag != DT_NEEDED)
			continue;
		name = string_at(im, &t, entry.d_un.d_val);
		if (name && strncmp(name, begins, strlen(begins)) == 0)
			return name;
	}
	return NULL;
}

static bool is_hook(const char *name)
{
	static const char *const hooks[] = {
#define HOOK(type, hook, parameters, needed) #hook,
#include "hooks.def"
#undef HOOK
	};

	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		if (strcmp(hooks[i], name) == 0)
			return true;
	}
	return false;
}

static bool defines(const ElfW(Sym) * symbol)
{
	unsigned type = symbol->st_info & 0xf, bind = symbol->st_info >> 4;

	return symbol->st_shndx != SHN_UNDEF && bind != STB_LOCAL &&
		(type == STT_FUNC || type == STT_GNU_IFUNC);
}

unsigned dynamic_hooks(struct image im, char *names, size_t size)
{
	struct table t;
	ElfW(Sym) symbol;
	unsigned count = 0;
	size_t used = 0;

	*names = '\0';
	if (!find_table(im, SHT_DYNSYM, &t))
		return 0;
	for (uint64_t i = 0; i < t.entries.sh_size / sizeof(symbol) && i < ENTRIES_MAX; i++) {
		const char *name;

		if (!image_get(
			    im, t.entries.sh_offset + i * sizeof(symbol), &symbol, sizeof(symbol)))
			break;
		name = defines(&symbol) ? string_at(im, &t, symbol.st_name) : NULL;
		if (!name || !is_hook(name))
			continue;
		count++;
		if (used + strlen(name) + 2 <= size)
			used += (size_t)sprintf(names + used, "%s%s", used ? " " : "", name);
	}
	return count;
}
