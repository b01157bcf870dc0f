/* SPDX-License-Identifier: MIT */
#include "target.h"

#include "image.h"

#include <ctype.h>
#include <elf.h>
#include <link.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_DATA ELFDATA2LSB
#else
#define OWN_DATA ELFDATA2MSB
#endif
#define OWN_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)

#define NOTE_GO_BUILD_ID 4
#define HEADERS_MAX	 4096 /* of a kind; a file that claims more is not worth the time */

static void copy_text(char *out, size_t size, struct image from)
{
	size_t len = strnlen((const char *)from.at, from.size);

	if (len >= size)
		len = size - 1;
	memcpy(out, from.at, len);
	out[len] = '\0';
}

static bool note_is_go(struct image im, const ElfW(Phdr) * segment)
{
	uint64_t offset = segment->p_offset, left = segment->p_filesz;
	ElfW(Nhdr) note;

	while (left >= sizeof(note) && image_get(im, offset, &note, sizeof(note))) {
		uint64_t name = (note.n_namesz + UINT64_C(3)) & ~UINT64_C(3);
		uint64_t body = (note.n_descsz + UINT64_C(3)) & ~UINT64_C(3);
		uint64_t all = sizeof(note) + name + body;

		if (note.n_type == NOTE_GO_BUILD_ID && image_says(im, offset + sizeof(note), "Go"))
			return true;
		if (all > left)
			return false;
		offset += all;
		left -= all;
	}
	return false;
}

static void parse_segments(struct target *t, struct image im, const ElfW(Ehdr) * header)
{
	ElfW(Phdr) segment;

	if (header->e_phentsize != sizeof(segment))
		return;
	for (unsigned i = 0; i < header->e_phnum && i < HEADERS_MAX; i++) {
		if (!image_get(
			    im, header->e_phoff + i * sizeof(segment), &segment, sizeof(segment)))
			return;
		if (segment.p_type == PT_NOTE && note_is_go(im, &segment))
			t->go = true;
		if (segment.p_type != PT_INTERP || t->interpreted)
			continue;
		t->interpreted = true;
		if (segment.p_offset < im.size && segment.p_filesz <= im.size - segment.p_offset)
			copy_text(t->interpreter, sizeof(t->interpreter),
				(struct image){im.at + segment.p_offset, segment.p_filesz});
	}
}

static bool section_get(
	struct image im, const ElfW(Ehdr) * header, unsigned index, ElfW(Shdr) * section)
{
	return header->e_shentsize == sizeof(*section) && index < header->e_shnum &&
		image_get(
			im, header->e_shoff + index * sizeof(*section), section, sizeof(*section));
}

static void parse_sections(struct target *t, struct image im, const ElfW(Ehdr) * header)
{
	ElfW(Shdr) names, section;

	if (!section_get(im, header, header->e_shstrndx, &names) || names.sh_offset > im.size)
		return;
	for (unsigned i = 0; i < header->e_shnum && i < HEADERS_MAX; i++) {
		if (!section_get(im, header, i, &section))
			return;
		if (image_says(im, names.sh_offset + section.sh_name, ".go.buildinfo"))
			t->go = true;
	}
}

static void parse_elf(struct target *t, struct image im)
{
	unsigned char ident[EI_NIDENT];
	ElfW(Ehdr) header;

	if (!image_get(im, 0, ident, sizeof(ident)))
		return;
	t->kind = TARGET_ELF;
	t->elf_class = ident[EI_CLASS];
	t->foreign = ident[EI_DATA] != OWN_DATA;
	/* e_machine stands at the same place in both classes. */
	if (t->foreign || !image_get(im, offsetof(ElfW(Ehdr), e_machine), &t->machine, 2))
		return;
	if (t->elf_class != OWN_CLASS || !image_get(im, 0, &header, sizeof(header)))
		return;
	parse_segments(t, im, &header);
	parse_sections(t, im, &header);
}

/* As the kernel reads it (binfmt_script): blanks, one word, blanks, the rest as one argument. */
static void parse_script(struct target *t, struct image im)
{
	const char *at = (const char *)im.at + 2, *end = memchr(at, '\n', im.size - 2);
	const char *word;

	end = end ? end : (const char *)im.at + im.size;
	while (at < end && isblank((unsigned char)*at))
		at++;
	while (end > at && isblank((unsigned char)end[-1]))
		end--;
	for (word = at; word < end && !isblank((unsigned char)*word) && *word;)
		word++;
	copy_text(t->interpreter, sizeof(t->interpreter),
		(struct image){(const unsigned char *)at, (size_t)(word - at)});
	while (word < end && isblank((unsigned char)*word))
		word++;
	copy_text(t->argument, sizeof(t->argument),
		(struct image){(const unsigned char *)word, (size_t)(end - word)});
	t->kind = TARGET_SCRIPT;
}

void target_parse(struct target *t, const void *image, size_t size)
{
	struct image im = {image, size};

	memset(t, 0, sizeof(*t));
	if (size >= SELFMAG && memcmp(image, ELFMAG, SELFMAG) == 0)
		parse_elf(t, im);
	else if (size >= 2 && memcmp(image, "#!", 2) == 0)
		parse_script(t, im);
}

bool target_read(struct target *t, const char *path)
{
	struct image im;

	if (!image_map(&im, path))
		return false;
	target_parse(t, im.at, im.size);
	image_unmap(&im);
	return true;
}
