/* SPDX-License-Identifier: MIT */
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FOLLOW_DEPTH 8 /* the kernel follows five #! lines; env may stand between them */
#define PATH_DEFAULT "/bin:/usr/bin"

static bool executable_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return false;
	if (S_ISREG(st.st_mode) && access(path, X_OK) == 0)
		return true;
	errno = EACCES;
	return false;
}

bool target_find(char out[PATH_MAX], const char *name, const char *path)
{
	int error = ENOENT;

	if (strchr(name, '/')) {
		snprintf(out, PATH_MAX, "%s", name);
		return executable_file(out);
	}
	path = path ? path : PATH_DEFAULT;
	for (const char *end; *name && path; path = *end ? end + 1 : NULL) {
		end = strchrnul(path, ':');
		/* An empty part is the current directory. */
		snprintf(out, PATH_MAX, "%.*s%s%s", (int)(end - path), path, end > path ? "/" : "",
			name);
		if (executable_file(out))
			return true;
		if (errno == EACCES)
			error = EACCES;
	}
	errno = error;
	return false;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

unsigned target_faults(const struct target *t, const struct target *library)
{
	if (t->kind != TARGET_ELF)
		return 0;
	if (t->foreign || t->elf_class != library->elf_class || t->machine != library->machine)
		return FAULT_ARCHITECTURE;
	if (t->go)
		return FAULT_GO;
	if (!t->interpreted)
		return FAULT_STATIC;
	return strncmp(base_name(t->interpreter), "ld-musl-", 8) == 0 ? FAULT_MUSL : 0;
}

unsigned target_file_faults(const char *path)
{
	struct stat st;
	struct statvfs fs;
	unsigned faults = 0;

	if (stat(path, &st) != 0 || statvfs(path, &fs) != 0 || (fs.f_flag & ST_NOSUID))
		return 0;
	if ((st.st_mode & S_ISUID) && st.st_uid != geteuid())
		faults |= FAULT_SETUID;
	/* Without group execution the bit once meant mandatory locking, and changes no group. */
	if ((st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP) && st.st_gid != getegid())
		faults |= FAULT_SETUID;
	/* Root gains nothing by them: the kernel does not set AT_SECURE (cap_bprm_creds_from_file). */
	if (getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0)
		faults |= FAULT_CAPABILITIES;
	return faults;
}

/* The command that env(1) would execute: past its options and settings. NULL: none, or unclear. */
static char *const *env_command(char *const *argv)
{
	static const char *const with_argument[] = {"-u", "-C", "--unset", "--chdir"};

	for (argv++; *argv; argv++) {
		if (strcmp(*argv, "--") == 0 && argv[1])
			return argv + 1;
		if (strncmp(*argv, "-S", 2) == 0 || strncmp(*argv, "--split-string", 14) == 0)
			return NULL;
		if (**argv != '-' && !strchr(*argv, '='))
			return argv;
		for (size_t i = 0; i < sizeof(with_argument) / sizeof(with_argument[0]); i++) {
			if (argv[1] && strcmp(*argv, with_argument[i]) == 0)
				argv++;
		}
	}
	return NULL;
}

/* One step from a script to what runs it; words is filled with what matters of the new command. */
static char *const *script_command(struct target *t, char *words[4])
{
	static char split[] = "-S";
	char *argument = t->argument, *space;

	words[0] = t->interpreter;
	words[1] = words[2] = words[3] = NULL;
	if (strncmp(argument, split, 2) == 0)
		argument += 2 + strspn(argument + 2, " \t");
	/* Of a split string only the first word can name the program. */
	space = strpbrk(argument, " \t");
	if (space)
		*space = '\0';
	if (*argument)
		words[1] = argument;
	return words;
}

static bool is_loader(const char *path)
{
	return strncmp(base_name(path), "ld-linux", 8) == 0 ||
		strcmp(base_name(path), "ld.so") == 0;
}

unsigned target_follow(
	char out[PATH_MAX], char *const argv[], const char *path, const struct target *library)
{
	struct target targets[2];
	char *words[4];

	for (int depth = 0; depth < FOLLOW_DEPTH && argv && *argv; depth++) {
		struct target *t = &targets[depth % 2];

		/* What may be executed but not read (often setuid) still shows its mode. */
		if (!target_find(out, *argv, path) || !target_read(t, out))
			return target_file_faults(out);
		if (t->kind == TARGET_SCRIPT) {
			argv = script_command(t, words);
			continue;
		}
		if (strcmp(base_name(out), "env") == 0 && env_command(argv)) {
			argv = env_command(argv);
			continue;
		}
		/* The loader called by name has no interpreter, and reads LD_PRELOAD all the same. */
		return target_file_faults(out) | (is_loader(out) ? 0 : target_faults(t, library));
	}
	return 0;
}

void target_explain(
	enum target_fault fault, const char **what, const char **why, const char **remedy)
{
	static const struct {
		enum target_fault fault;
		const char *what, *why, *remedy;
	} texts[] = {
		{FAULT_STATIC, "is statically linked", "no dynamic loader runs in it",
			"use a dynamically linked build"},
		{FAULT_GO, "is a Go program", "Go makes its system calls without libc",
			"look at its peer under rstfix instead"},
		{FAULT_MUSL, "uses musl libc", "the shim is built for glibc",
			"use a build for glibc"},
		{FAULT_ARCHITECTURE, "is built for another architecture",
			"its loader cannot load this shim",
			"use an rstfix built for that architecture"},
		{FAULT_SETUID, "is setuid or setgid",
			"the loader drops a preload that has a path in privileged programs",
			"start it as the user it changes to, from a copy without the bit"},
		{FAULT_CAPABILITIES, "has file capabilities",
			"the loader drops a preload that has a path in privileged programs",
			"start it as root, or from a copy without capabilities"},
	};

	*what = *why = *remedy = "";
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].fault != fault)
			continue;
		*what = texts[i].what;
		*why = texts[i].why;
		*remedy = texts[i].remedy;
	}
}
