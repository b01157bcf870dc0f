/* SPDX-License-Identifier: MIT */
#include "dynamic.h"

#include <elf.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* A library of our own class: two DT_NEEDED entries, four symbols, and the strings of both. */
struct sample {
	ElfW(Ehdr) header;
	ElfW(Shdr) sections[4];
	ElfW(Dyn) dynamic[3];
	ElfW(Sym) symbols[4];
	char strings[64];
};

enum { LIBC = 1, URING = 11, CLOSE = 25, SHUTDOWN = 31, OTHER = 40 };

static struct sample sample(void)
{
	struct sample s = {.dynamic = {{.d_tag = DT_NEEDED, .d_un.d_val = LIBC},
				   {.d_tag = DT_NEEDED, .d_un.d_val = URING}}};
	const unsigned char function = STB_GLOBAL << 4 | STT_FUNC;

	memcpy(s.header.e_ident, ELFMAG, SELFMAG);
	s.header.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
	s.header.e_shoff = offsetof(struct sample, sections);
	s.header.e_shentsize = sizeof(ElfW(Shdr));
	s.header.e_shnum = 4;
	s.sections[1] = (ElfW(Shdr)){.sh_type = SHT_DYNAMIC,
		.sh_offset = offsetof(struct sample, dynamic),
		.sh_size = sizeof(s.dynamic),
		.sh_link = 3};
	s.sections[2] = (ElfW(Shdr)){.sh_type = SHT_DYNSYM,
		.sh_offset = offsetof(struct sample, symbols),
		.sh_size = sizeof(s.symbols),
		.sh_link = 3};
	s.sections[3] = (ElfW(Shdr)){.sh_type = SHT_STRTAB,
		.sh_offset = offsetof(struct sample, strings),
		.sh_size = sizeof(s.strings)};
	s.symbols[1] = (ElfW(Sym)){.st_name = CLOSE, .st_info = function, .st_shndx = 1};
	s.symbols[2] = (ElfW(Sym)){.st_name = SHUTDOWN, .st_info = function, .st_shndx = 1};
	s.symbols[3] = (ElfW(Sym)){.st_name = OTHER, .st_info = function, .st_shndx = 1};
	memcpy(s.strings, "\0libc.so.6\0liburing.so.2\0close\0shutdown\0closed\0", 47);
	return s;
}

static struct image image_of(const struct sample *s)
{
	return (struct image){(const unsigned char *)s, sizeof(*s)};
}

static void a_library_that_is_needed_is_found_by_the_start_of_its_name(void **state)
{
	struct sample s = sample();

	(void)state;
	assert_string_equal(dynamic_needs(image_of(&s), "liburing.so"), "liburing.so.2");
	assert_null(dynamic_needs(image_of(&s), "libm.so"));
	s.dynamic[0].d_tag = DT_NULL;
	assert_null(dynamic_needs(image_of(&s), "liburing.so"));
}

static void functions_that_the_shim_intercepts_are_found_where_they_are_defined(void **state)
{
	struct sample s = sample();
	char names[64], few[8];

	(void)state;
	assert_int_equal(dynamic_hooks(image_of(&s), names, sizeof(names)), 2);
	assert_string_equal(names, "close shutdown");
	assert_int_equal(dynamic_hooks(image_of(&s), few, sizeof(few)), 2);
	assert_string_equal(few, "close");
	s.symbols[1].st_shndx = SHN_UNDEF;
	s.symbols[2].st_info = STB_LOCAL << 4 | STT_FUNC;
	assert_int_equal(dynamic_hooks(image_of(&s), names, sizeof(names)), 0);
	assert_string_equal(names, "");
}

/* On the heap, so that a sanitizer sees a read of even one byte too many. */
static void read_copy(const void *from, size_t size)
{
	void *copy = malloc(size ? size : 1);
	char names[64];

	assert_non_null(copy);
	memcpy(copy, from, size);
	dynamic_needs((struct image){copy, size}, "liburing.so");
	dynamic_hooks((struct image){copy, size}, names, sizeof(names));
	free(copy);
}

static void a_file_cut_anywhere_is_survived(void **state)
{
	struct sample s = sample();

	(void)state;
	for (size_t size = 0; size <= sizeof(s); size++)
		read_copy(&s, size);
}

static void any_byte_may_lie(void **state)
{
	static const unsigned char lies[] = {0x00, 0x01, 0x7f, 0x80, 0xff};

	(void)state;
	for (size_t at = 0; at < sizeof(struct sample); at++) {
		for (size_t i = 0; i < sizeof(lies); i++) {
			struct sample s = sample();

			memset((char *)&s + at, lies[i], 1);
			read_copy(&s, sizeof(s));
			memset((char *)&s + at, lies[i], at + 8 <= sizeof(s) ? 8 : 1);
			read_copy(&s, sizeof(s));
		}
	}
}

static void this_very_program_needs_libc(void **state)
{
	struct image im;

	(void)state;
	assert_true(image_map(&im, "/proc/self/exe"));
	assert_string_equal(dynamic_needs(im, "libc.so"), "libc.so.6");
	image_unmap(&im);
	assert_false(image_map(&im, "/dev/zero"));
	assert_false(image_map(&im, "/nonexistent"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_library_that_is_needed_is_found_by_the_start_of_its_name),
		cmocka_unit_test(
			functions_that_the_shim_intercepts_are_found_where_they_are_defined),
		cmocka_unit_test(a_file_cut_anywhere_is_survived),
		cmocka_unit_test(any_byte_may_lie),
		cmocka_unit_test(this_very_program_needs_libc),
	};

	return cmocka_run_group_tests_name("dynamic", tests, NULL, NULL);
}
