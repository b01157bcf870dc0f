/* SPDX-License-Identifier: MIT */
#include "../base/start.h"
#include "../base/sys.h"
#include "exec.h"
#include "export.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef AT_EXECVE_CHECK
#define AT_EXECVE_CHECK 0x10000 /* Linux 6.14 */
#endif

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
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

static bool can_be_interpreter(const char *path)
{
	return sys3(SYS_faccessat, AT_FDCWD, path, X_OK) == 0;
}

/* "#!interpreter argument" */
static bool script_runs(char *line)
{
	line += 2 + strspn(line + 2, " \t");
	line[strcspn(line, " \t\n")] = 0;
	return *line && can_be_interpreter(line);
}

/* A program header beyond what was read is not looked for. */
static bool elf_runs(const char *head, size_t len)
{
	Elf64_Ehdr e;
	Elf64_Phdr p;

	memcpy(&e, head, sizeof(e));
	if (e.e_ident[EI_CLASS] != ELFCLASS64)
		return true; /* of another class: as the kernel was built */
	if (e.e_machine != MACHINE)
		return false;
	for (unsigned i = 0; i < e.e_phnum && e.e_phoff <= len; i++) {
		size_t at = e.e_phoff + i * sizeof(p);

		if (at + sizeof(p) > len)
			break;
		memcpy(&p, head + at, sizeof(p));
		if (p.p_type == PT_INTERP && p.p_offset < len && p.p_filesz < len - p.p_offset)
			return can_be_interpreter(head + p.p_offset);
	}
	return true;
}

/* What cannot be read may be executed all the same. A format of binfmt_misc is not known. */
static bool of_known_format(const struct target *t)
{
	char head[2048];
	long n = t->dir, fd = -1;

	if (*t->path)
		n = fd = sys4(SYS_openat, t->dir, t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
	if (n >= 0)
		n = sys4(SYS_pread64, n, head, sizeof(head) - 1, 0);
	if (fd >= 0)
		sys1(SYS_close, fd);
	if (n < 0)
		return true;
	head[n] = 0;
	if (n > 2 && memcmp(head, "#!", 2) == 0)
		return script_runs(head);
	return n > (long)sizeof(Elf64_Ehdr) && memcmp(head, ELFMAG, SELFMAG) == 0 &&
		elf_runs(head, (size_t)n);
}

/* As execvp() looks for it; what is of no format goes to the shell. */
static bool found(const struct exec *x)
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
			return true;
	}
	return false;
}

bool executable(const void *exec)
{
	const struct exec *x = exec;
	struct target t = {AT_FDCWD, x->path, 0, x->argv, x->envp};

	if (x->how == BY_FD)
		t = (struct target){x->fd, "", AT_EMPTY_PATH, x->argv, x->envp};
	else if (x->how == BY_AT)
		t = (struct target){x->fd, x->path, x->flags, x->argv, x->envp};
	/* A wild pointer is the kernel's to refuse. */
	if (sys3(SYS_faccessat, t.dir, t.path, F_OK) == -EFAULT)
		return false;
	if (x->how == BY_SEARCH && strchr(x->path, '/'))
		return permitted(&t);
	if (x->how == BY_SEARCH)
		return *x->path && found(x);
	return permitted(&t) && (!self.exec_check || of_known_format(&t));
}
