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

/* So many bytes, or those up to its end, or what the kernel says. */
static long read_at(const struct target *t, size_t offset, void *to, size_t size)
{
	long n = t->dir, fd = -1;

	if (*t->path)
		n = fd = sys4(SYS_openat, t->dir, t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
	if (n >= 0)
		n = sys4(SYS_pread64, n, to, size, offset);
	if (fd >= 0)
		sys1(SYS_close, fd);
	return n;
}

/* It may be executed all the same. An offset that is none (EINVAL) is none to the kernel either. */
static bool unreadable(long n)
{
	return n < 0 && n != -EINVAL;
}

/*
 * The kernel takes no more of them, and reads them all before it lets go of the program that is there
 * (load_elf_phdrs). The first of PT_INTERP names the interpreter; it stays as it is where there is none.
 */
static enum format read_headers(const struct target *t, const ElfW(Ehdr) * e, ElfW(Phdr) * interp)
{
	enum { AT_ONCE = 16, MOST = 65536 / sizeof(*interp) };
	ElfW(Phdr) p[AT_ONCE];

	if (e->e_phentsize != sizeof(*p) || e->e_phnum < 1 || e->e_phnum > MOST)
		return UNKNOWN;
	for (unsigned i = 0; i < e->e_phnum; i += AT_ONCE) {
		unsigned count = e->e_phnum - i < AT_ONCE ? e->e_phnum - i : AT_ONCE;
		size_t size = count * sizeof(*p);
		long n = read_at(t, e->e_phoff + i * sizeof(*p), p, size);

		if (unreadable(n))
			return RUNS;
		if (n != (long)size)
			return UNKNOWN;
		for (unsigned k = 0; k < count && interp->p_type != PT_INTERP; k++)
			*interp = p[k];
	}
	return RUNS;
}

/* It is ELF itself, and its own is not asked for. The rest the kernel finds out too late to fail. */
static enum format interpreter_runs(const struct target *t)
{
	ElfW(Phdr) own = {.p_type = PT_NULL};
	ElfW(Ehdr) e;
	long n;

	if (!permitted(t))
		return FAILS;
	n = read_at(t, 0, &e, sizeof(e));
	if (n < 0)
		return RUNS;
	return n == sizeof(e) && memcmp(&e, ELFMAG, SELFMAG) == 0 && e.e_machine == MACHINE &&
			read_headers(t, &e, &own) == RUNS
		? RUNS
		: FAILS;
}

/* Its head is in `head`, where its interpreter's name is read to; one that does not fit is not. */
static enum format elf_runs(const struct target *t, char *head, size_t size)
{
	struct target loader = {AT_FDCWD, head, 0, t->argv, t->envp};
	ElfW(Phdr) interp = {.p_type = PT_NULL};
	ElfW(Ehdr) e;
	long n;

	memcpy(&e, head, sizeof(e));
	if (e.e_type != ET_EXEC && e.e_type != ET_DYN) /* at the same place in each class */
		return UNKNOWN;
	if (e.e_ident[EI_CLASS] != CLASS)
		return RUNS; /* of another class: as the kernel was built */
	if (e.e_machine != MACHINE || read_headers(t, &e, &interp) != RUNS)
		return UNKNOWN;
	if (interp.p_type != PT_INTERP)
		return RUNS;
	if (interp.p_filesz < 2 || interp.p_filesz > PATH_MAX)
		return UNKNOWN;
	if (interp.p_filesz > size)
		return RUNS;
	n = read_at(t, interp.p_offset, head, interp.p_filesz);
	if (unreadable(n))
		return RUNS;
	if (n != (long)interp.p_filesz)
		return FAILS;
	return head[interp.p_filesz - 1] ? UNKNOWN : interpreter_runs(&loader);
}

/* What cannot be read may be executed all the same. A format of binfmt_misc is not known. */
static enum format format_of(struct target t)
{
	char head[2 * LINE];

	for (unsigned depth = 0; depth <= INTERPRETERS; depth++) {
		long n = read_at(&t, 0, head, sizeof(head) - 1);
		const char *name;

		if (n < 0)
			return RUNS;
		head[n] = 0;
		if (n > (long)sizeof(Elf64_Ehdr) && memcmp(head, ELFMAG, SELFMAG) == 0)
			return elf_runs(&t, head, sizeof(head));
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

/*
 * A filter that was there before may deny execve() alone, which the others are asked by: with a path
 * that leads nowhere it comes to nothing else than EFAULT.
 */
static bool denied(const struct exec *x)
{
	return self.filtered && x->how != BY_FD && x->how != BY_AT &&
		sys3(SYS_execve, -1, 0, 0) != -EFAULT;
}

static bool runs(const struct exec *x, bool by_format)
{
	struct target t = {AT_FDCWD, x->path, 0, x->argv, x->envp};

	if (x->how == BY_FD)
		t = (struct target){x->fd, "", AT_EMPTY_PATH, x->argv, x->envp};
	else if (x->how == BY_AT)
		t = (struct target){x->fd, x->path, x->flags, x->argv, x->envp};
	if (denied(x))
		return false;
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
