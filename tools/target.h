/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_TARGET_H
#define RSTFIX_TARGET_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What an executable file is, as far as the dynamic loader and a preloaded library care. Files are
 * other people's: each read is checked against the size of the image.
 */

enum target_kind {
	TARGET_OTHER, /* neither; a shell would try it as a script */
	TARGET_ELF,
	TARGET_SCRIPT /* begins with #! */
};

struct target {
	enum target_kind kind;
	bool foreign;		    /* ELF of another byte order; nothing below is known then */
	uint8_t elf_class;	    /* ELFCLASS32 or ELFCLASS64 */
	uint16_t machine;	    /* EM_X86_64, ... */
	bool interpreted;	    /* has PT_INTERP: a dynamic loader runs. Own class only */
	bool go;		    /* made by the Go linker. Own class only */
	char interpreter[PATH_MAX]; /* of PT_INTERP or of #! */
	char argument[256];	    /* the one argument after a #! interpreter, or empty */
};

/* Reads the image of a file. Always fills t. Pure. */
void target_parse(struct target *t, const void *image, size_t size);

/* Maps the file and parses it. False with errno: not readable, or not a regular file (EACCES). */
bool target_read(struct target *t, const char *path);

/*
 * Where execvp would find name, given a PATH (NULL: the system's default). False with errno, as
 * execvp would have it: ENOENT, or EACCES where only files without permission were found.
 */
bool target_find(char out[PATH_MAX], const char *name, const char *path);

/* Why the loader of a program would not load the shim. */
enum target_fault {
	FAULT_STATIC = 1,
	FAULT_GO = 2,
	FAULT_MUSL = 4,
	FAULT_ARCHITECTURE = 8,
	FAULT_SETUID = 16,
	FAULT_CAPABILITIES = 32
};

/* Faults of a parsed ELF file beside the library that is to be loaded into it. Pure. */
unsigned target_faults(const struct target *t, const struct target *library);

/* Faults of the file itself for the calling user: FAULT_SETUID, FAULT_CAPABILITIES. */
unsigned target_file_faults(const char *path);

/*
 * Follows a command to the ELF file whose loader will run: PATH, #! lines, env(1). Returns its
 * faults with the file's path in out; 0 also where the end cannot be found. path is a PATH.
 */
unsigned target_follow(
	char out[PATH_MAX], char *const argv[], const char *path, const struct target *library);

/* What is wrong (a predicate of the program), why nothing would be seen, what to do; one fault. */
void target_explain(
	enum target_fault fault, const char **what, const char **why, const char **remedy);

#endif
