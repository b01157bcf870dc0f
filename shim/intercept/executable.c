/* SPDX-License-Identifier: MIT */
#include "../base/start.h"
#include "../base/sys.h"
#include "exec.h"
#include "export.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#elif defined(__i386__)
#define MACHINE EM_386
#endif

#if defined(__LP64__)
#define CLASS ELFCLASS64
#else
#define CLASS ELFCLASS32
#endif

/* An exec of this file, where it is found. */
struct target {
	int dir;
	const char *path;
	int flags;
	char *const *argv, *const *envp;
};

/* Permissions, arguments, and that nobody writes to it; its format is not looked at. */
static bool permitted(const struct target *t)
{
	struct stat st;
	long r = -ENOSYS;

	if (self.exec_check)
		r = sys5(SYS_execveat, t->dir, t->path, t->argv, t->envp,
			t->flags | AT_EXECVE_CHECK);
	if (r != -EINVAL && r != -ENOSYS)
		return r == 0;
	return sys4(SYS_newfstatat, t->dir, t->path, &st, t->flags & AT_EMPTY_PATH) == 0 &&
		S_ISREG(st.st_mode) &&
		((t->flags & AT_EMPTY_PATH) || sys3(SYS_faccessat, t->dir, t->path, X_OK) == 0);
}

enum format { RUNS, FAILS, UNKNOWN };

/* The kernel looks at so many bytes for a script's first line, and follows so many interpreters. */
#define LINE	     256
#define INTERPRETERS 5

/* The interpreter opens a script by a name, which is gone when the descriptor is. */
static bool closes_under_interpreter(const struct target *t)
{
	return *t->path != '/' && t->dir != AT_FDCWD &&
		sys2(SYS_fcntl, t->dir, F_GETFD) == FD_CLOEXEC;
}

/* "#!interpreter argument" */
static const char *script_interpreter(char *line)
{
	char *name = line + 2 + strspn(line + 2, " \t");

	name[strcspn(name, " \t\n")] = 0;
	return *name && name + strlen(name) < line + LINE ? name : NULL;
}

/* A program header beyond what was read is not looked for. */
static enum format elf_format(const char *head, size_t len, const char **interpreter)
{
	ElfW(Ehdr) e;
	ElfW(Phdr) p;

	memcpy(&e, head, sizeof(e));
	if (e.e_type != ET_EXEC && e.e_type != ET_DYN) /* at the same place in each class */
		return UNKNOWN;
	if (e.e_ident[EI_CLASS] != CLASS)
		return RUNS; /* of another class: as the kernel was built */
	if (e.e_machine != MACHINE)
		return UNKNOWN;
	for (unsigned i = 0; i < e.e_phnum && e.e_phoff <= len; i++) {
		size_t at = e.e_phoff + i * sizeof(p);

		if (at + sizeof(p) > len)
			break;
		memcpy(&p, head + at, sizeof(p));
		if (p.p_type == PT_INTERP && p.p_offset < len && p.p_filesz < len - p.p_offset) {
			*interpreter = head + p.p_offset;
			break;
		}
	}
	return RUNS;
}

/* The bytes of its head, or what the kernel says. */
static long read_head(const struct target *t, char *head, size_t size)
{
	long n = t->dir, fd = -1;

	if (*t->path)
		n = fd = sys4(SYS_openat, t->dir, t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
	if (n >= 0)
		n = sys4(SYS_pread64, n, head, size - 1, 0);
	if (fd >= 0)
		sys1(SYS_close, fd);
	if (n >= 0)
		head[n] = 0;
	return n;
}

/* An interpreter of ELF is ELF itself, and its own is not asked for. */
static enum format elf_runs(char *head, size_t size, size_t len, const struct target *t)
{
	const char *name = NULL, *none = NULL;
	enum format format = elf_format(head, len, &name);
	struct target loader = {AT_FDCWD, name, 0, t->argv, t->envp};
	long n;

	if (format != RUNS || !name)
		return format;
	if (!permitted(&loader))
		return FAILS;
	n = read_head(&loader, head, size);
	if (n < 0)
		return RUNS;
	return n > (long)sizeof(Elf64_Ehdr) && memcmp(head, ELFMAG, SELFMAG) == 0 &&
			elf_format(head, (size_t)n, &none) == RUNS
		? RUNS
		: FAILS;
}

/* What cannot be read may be executed all the same. A format of binfmt_misc is not known. */
static enum format format_of(struct target t)
{
	char head[2048];

	for (unsigned depth = 0; depth <= INTERPRETERS; depth++) {
		long n = read_head(&t, head, sizeof(head));
		const char *name;

		if (n < 0)
			return RUNS;
		if (n > (long)sizeof(Elf64_Ehdr) && memcmp(head, ELFMAG, SELFMAG) == 0)
			return elf_runs(head, sizeof(head), (size_t)n, &t);
		if (n <= 2 || memcmp(head, "#!", 2) != 0)
			return UNKNOWN;
		if (closes_under_interpreter(&t))
			return FAILS;
		name = script_interpreter(head);
		if (!name)
			return UNKNOWN;
		t = (struct target){AT_FDCWD, name, 0, t.argv, t.envp};
		if (!permitted(&t))
			return FAILS;
	}
	return FAILS;
}

/* As execvp() looks for it; what is of no format goes to the shell. */
static bool found(const struct exec *x, bool by_format)
{
	const char *path = getenv("PATH"), *end;
	char buf[PATH_MAX];
	struct target t = {AT_FDCWD, buf, 0, x->argv, x->envp};

	if (strlen(x->path) > NAME_MAX)
		return false;
	for (path = path ? path : "/bin:/usr/bin"; path; path = *end ? end + 1 : NULL) {
		size_t len = (size_t)((end = strchrnul(path, ':')) - path);

		if (len + strlen(x->path) + 2 > sizeof(buf))
			continue;
		memcpy(buf, path, len);
		buf[len] = '/';
		strcpy(buf + len + (len > 0), x->path);
		if (permitted(&t))
			return !by_format || format_of(t) != FAILS;
	}
	return false;
}

static bool runs(const struct exec *x, bool by_format)
{
	struct target t = {AT_FDCWD, x->path, 0, x->argv, x->envp};

	if (x->how == BY_FD)
		t = (struct target){x->fd, "", AT_EMPTY_PATH, x->argv, x->envp};
	else if (x->how == BY_AT)
		t = (struct target){x->fd, x->path, x->flags, x->argv, x->envp};
	/* A wild pointer is the kernel's to refuse. */
	if (sys3(SYS_faccessat, t.dir, t.path, F_OK) == -EFAULT)
		return false;
	if (x->how == BY_SEARCH && strchr(x->path, '/'))
		return permitted(&t) && (!by_format || format_of(t) != FAILS);
	if (x->how == BY_SEARCH)
		return *x->path && found(x, by_format);
	return permitted(&t) && (!by_format || format_of(t) == RUNS);
}

bool executable(const void *exec)
{
	return runs(exec, self.exec_check);
}

bool executable_exists(const void *exec)
{
	return runs(exec, false);
}
