/* SPDX-License-Identifier: MIT */
#include "target.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* An ELF file of our own class: header, two segments, two sections, and what they point to. */
struct image {
	ElfW(Ehdr) header;
	ElfW(Phdr) interp;
	ElfW(Phdr) note;
	ElfW(Shdr) sections[2];
	char interpreter[32];
	char names[32];
	struct {
		ElfW(Nhdr) head;
		char name[4];
		char id[8];
	} build_id;
};

static struct image sample(void)
{
	struct image im = {.interpreter = "/lib64/ld-linux-x86-64.so.2"};

	memcpy(im.header.e_ident, ELFMAG, SELFMAG);
	im.header.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
	im.header.e_ident[EI_DATA] =
		__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
	im.header.e_machine = EM_X86_64;
	im.header.e_phoff = offsetof(struct image, interp);
	im.header.e_phentsize = sizeof(ElfW(Phdr));
	im.header.e_phnum = 2;
	im.header.e_shoff = offsetof(struct image, sections);
	im.header.e_shentsize = sizeof(ElfW(Shdr));
	im.header.e_shnum = 2;
	im.interp.p_type = PT_INTERP;
	im.interp.p_offset = offsetof(struct image, interpreter);
	im.interp.p_filesz = strlen(im.interpreter) + 1;
	im.note.p_type = PT_NOTE;
	im.note.p_offset = offsetof(struct image, build_id);
	im.note.p_filesz = sizeof(im.build_id);
	im.sections[0].sh_offset = offsetof(struct image, names);
	im.sections[1].sh_name = 1;
	strcpy(im.names + 1, ".text");
	im.build_id.head = (ElfW(Nhdr)){.n_namesz = 4, .n_descsz = 8, .n_type = 3};
	memcpy(im.build_id.name, "GNU", 4);
	return im;
}

static struct target parsed(const struct image *im)
{
	static struct target t;

	target_parse(&t, im, sizeof(*im));
	return t;
}

static unsigned faults_of(const struct image *im)
{
	struct image library = sample();
	struct target own = parsed(&library), t = parsed(im);

	return target_faults(&t, &own);
}

static void a_dynamic_program_has_no_fault(void **state)
{
	struct image im = sample();
	struct target t = parsed(&im);

	(void)state;
	assert_int_equal(t.kind, TARGET_ELF);
	assert_true(t.interpreted);
	assert_false(t.go);
	assert_string_equal(t.interpreter, "/lib64/ld-linux-x86-64.so.2");
	assert_int_equal(faults_of(&im), 0);
}

static void a_program_without_interpreter_is_static(void **state)
{
	struct image im = sample();

	(void)state;
	im.interp.p_type = PT_LOAD;
	assert_int_equal(faults_of(&im), FAULT_STATIC);
}

static void a_musl_loader_is_told(void **state)
{
	struct image im = sample();

	(void)state;
	strcpy(im.interpreter, "/lib/ld-musl-x86_64.so.1");
	assert_int_equal(faults_of(&im), FAULT_MUSL);
}

static void a_go_program_is_known_by_its_section(void **state)
{
	struct image im = sample();

	(void)state;
	strcpy(im.names + 1, ".go.buildinfo");
	assert_int_equal(faults_of(&im), FAULT_GO);
	strcpy(im.names + 1, ".go.buildinfox");
	assert_int_equal(faults_of(&im), 0);
}

static void a_go_program_is_known_by_its_note(void **state)
{
	struct image im = sample();

	(void)state;
	im.build_id.head.n_type = 4;
	memcpy(im.build_id.name, "Go\0", 4);
	assert_int_equal(faults_of(&im), FAULT_GO);
}

static void another_class_machine_or_byte_order_is_another_architecture(void **state)
{
	struct image im = sample();

	(void)state;
	im.header.e_machine = EM_AARCH64;
	assert_int_equal(faults_of(&im), FAULT_ARCHITECTURE);
	im = sample();
	im.header.e_ident[EI_CLASS] = ELFCLASS32;
	assert_int_equal(faults_of(&im), FAULT_ARCHITECTURE);
	im = sample();
	im.header.e_ident[EI_DATA] = ELFDATA2MSB;
	assert_int_equal(faults_of(&im), FAULT_ARCHITECTURE);
}

/* On the heap, so that a sanitizer sees a read of even one byte too many. */
static void parse_copy(const void *from, size_t size)
{
	void *copy = malloc(size ? size : 1);
	static struct target t;

	assert_non_null(copy);
	memcpy(copy, from, size);
	target_parse(&t, copy, size);
	free(copy);
}

static void a_file_cut_anywhere_is_survived(void **state)
{
	struct image im = sample();
	const char script[] = "#! /usr/bin/env  python3 -u \nx";

	(void)state;
	for (size_t size = 0; size <= sizeof(im); size++)
		parse_copy(&im, size);
	for (size_t size = 0; size <= sizeof(script); size++)
		parse_copy(script, size);
}

static void any_byte_may_lie(void **state)
{
	static const unsigned char lies[] = {0x00, 0x01, 0x7f, 0x80, 0xff};

	(void)state;
	for (size_t at = 0; at < sizeof(struct image); at++) {
		for (size_t i = 0; i < sizeof(lies); i++) {
			struct image im = sample();

			memset((char *)&im + at, lies[i], 1);
			parse_copy(&im, sizeof(im));
			memset((char *)&im + at, lies[i], at + 8 <= sizeof(im) ? 8 : 1);
			parse_copy(&im, sizeof(im));
		}
	}
}

static void a_script_names_its_interpreter(void **state)
{
	static const struct {
		const char *text, *interpreter, *argument;
	} cases[] = {
		{"#!/bin/sh\necho", "/bin/sh", ""},
		{"#!/bin/sh", "/bin/sh", ""},
		{"#! \t/bin/sh  \n", "/bin/sh", ""},
		{"#!/usr/bin/env python3\n", "/usr/bin/env", "python3"},
		{"#!/usr/bin/awk -f -v\n", "/usr/bin/awk", "-f -v"},
		{"#!\n", "", ""},
	};
	static struct target t;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		target_parse(&t, cases[i].text, strlen(cases[i].text));
		assert_int_equal(t.kind, TARGET_SCRIPT);
		assert_string_equal(t.interpreter, cases[i].interpreter);
		assert_string_equal(t.argument, cases[i].argument);
	}
	target_parse(&t, "echo", 4);
	assert_int_equal(t.kind, TARGET_OTHER);
}

static char directory[] = "/tmp/rstfix-target-XXXXXX";

static void put_file(char path[PATH_MAX], const char *name, const void *bytes, size_t size)
{
	FILE *file;

	snprintf(path, PATH_MAX, "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0755), 0);
}

static unsigned follow(char found[PATH_MAX], const char *a, const char *b, const char *c)
{
	char *argv[] = {(char *)a, (char *)b, (char *)c, NULL};
	struct image library = sample();
	struct target own = parsed(&library);
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/nonexistent:%s:/usr/bin:/bin", directory);
	return target_follow(found, argv, path, &own);
}

static void a_command_is_followed_through_scripts_path_and_env(void **state)
{
	char still[PATH_MAX], script[PATH_MAX], other[PATH_MAX], found[PATH_MAX];
	char text[PATH_MAX + 16];
	struct image im = sample();

	(void)state;
	im.interp.p_type = PT_LOAD;
	put_file(still, "still", &im, sizeof(im));
	snprintf(text, sizeof(text), "#!%s -x\n", still);
	put_file(script, "script", text, strlen(text));
	put_file(other, "other", "#!/usr/bin/env -S still -x\n", 27);
	assert_int_equal(follow(found, still, NULL, NULL), FAULT_STATIC);
	assert_int_equal(follow(found, "still", NULL, NULL), FAULT_STATIC);
	assert_string_equal(found, still);
	assert_int_equal(follow(found, "script", NULL, NULL), FAULT_STATIC);
	assert_int_equal(follow(found, "other", NULL, NULL), FAULT_STATIC);
	assert_int_equal(follow(found, "env", "A=1", "script"), FAULT_STATIC);
	assert_string_equal(found, still);
	assert_int_equal(follow(found, "nowhere-to-be-found", NULL, NULL), 0);
	unlink(still);
	unlink(script);
	unlink(other);
}

static void a_script_that_runs_itself_comes_to_an_end(void **state)
{
	char path[PATH_MAX], found[PATH_MAX], text[PATH_MAX];

	(void)state;
	snprintf(text, sizeof(text), "#!%s/self\n", directory);
	put_file(path, "self", text, strlen(text));
	assert_int_equal(follow(found, path, NULL, NULL), 0);
	unlink(path);
}

static void a_search_fails_as_execvp_does(void **state)
{
	char path[PATH_MAX], found[PATH_MAX];

	(void)state;
	put_file(path, "plain", "x", 1);
	assert_true(target_find(found, "plain", directory));
	assert_string_equal(found, path);
	assert_int_equal(chmod(path, 0644), 0);
	assert_false(target_find(found, "plain", directory));
	assert_int_equal(errno, EACCES);
	assert_false(target_find(found, "plain", "/nonexistent"));
	assert_int_equal(errno, ENOENT);
	assert_false(target_find(found, "", directory));
	assert_false(target_find(found, directory, NULL));
	unlink(path);
}

static void what_is_no_regular_file_is_not_read(void **state)
{
	static struct target t;

	(void)state;
	assert_false(target_read(&t, "/dev/zero"));
	assert_false(target_read(&t, directory));
	assert_false(target_read(&t, "/nonexistent"));
	assert_true(target_read(&t, "/proc/self/exe"));
	assert_true(t.interpreted);
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dynamic_program_has_no_fault),
		cmocka_unit_test(a_program_without_interpreter_is_static),
		cmocka_unit_test(a_musl_loader_is_told),
		cmocka_unit_test(a_go_program_is_known_by_its_section),
		cmocka_unit_test(a_go_program_is_known_by_its_note),
		cmocka_unit_test(another_class_machine_or_byte_order_is_another_architecture),
		cmocka_unit_test(a_file_cut_anywhere_is_survived),
		cmocka_unit_test(any_byte_may_lie),
		cmocka_unit_test(a_script_names_its_interpreter),
		cmocka_unit_test(a_command_is_followed_through_scripts_path_and_env),
		cmocka_unit_test(a_script_that_runs_itself_comes_to_an_end),
		cmocka_unit_test(a_search_fails_as_execvp_does),
		cmocka_unit_test(what_is_no_regular_file_is_not_read),
	};

	return cmocka_run_group_tests_name("target", tests, make_directory, remove_directory);
}
