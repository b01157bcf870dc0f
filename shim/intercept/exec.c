/* SPDX-License-Identifier: MIT */
#include "exec.h"

#include "../base/helper.h"
#include "../base/start.h"
#include "../base/sys.h"
#include "../detect/family.h"
#include "../policy/follow.h"
#include "ending.h"
#include "export.h"

#include <alloca.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * The doors that put another program in the place of this one. Async-signal-safe, as they are without
 * the shim, and used in vfork children.
 */

/* An environment that takes more than this is not built on the stack. */
#define ON_STACK 16384

/*
 * A wild pointer is the kernel's to refuse (EFAULT): it reads the signal set, and then refuses the
 * operation. Nothing is asked of it in a sandbox (law 8).
 */
static bool readable(char *const envp[])
{
	return !envp || start_stopping() || sys4(SYS_rt_sigprocmask, -1, envp, 0, 8) != -EFAULT;
}

static void *map(size_t bytes)
{
	long p = sys6(SYS_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);

	return p < 0 && p > -4096 ? NULL : (void *)(uintptr_t)p;
}

/* Mapped in a vfork child and then executed, this stays in its parent: rare, and harmless. */
static __attribute__((noinline)) long with_large(
	char *const envp[], size_t bytes, exec_call *call, const void *arg)
{
	void *room = map(bytes);
	long r = call(arg, room ? follow_environment(envp, room) : envp);

	if (room)
		sys2(SYS_munmap, room, bytes);
	return r;
}

long exec_with(char *const envp[], exec_call *call, const void *arg)
{
	size_t bytes = readable(envp) ? follow_room(envp) : 0;

	if (bytes == 0)
		return call(arg, envp);
	if (bytes > ON_STACK)
		return with_large(envp, bytes, call, arg);
	return call(arg, follow_environment(envp, alloca(bytes)));
}

struct lent {
	char **own;  /* the program's */
	char **lent; /* ours, during the call */
};

/* A variable that was changed meanwhile was changed in ours; one that is new made a third. */
static void take_back(void *arg)
{
	const struct lent *l = arg;
	bool carried = environ && follow_hide(environ);
	unsigned i;

	if (environ != l->lent)
		return;
	for (i = 0; carried && l->own && (i == 0 || l->lent[i - 1]); i++)
		l->own[i] = l->lent[i];
	environ = l->own;
}

static void lend(void *room, void (*call)(void *arg), void *arg)
{
	struct lent l = {.own = environ, .lent = follow_environment(environ, room)};

	pthread_cleanup_push(take_back, &l);
	environ = l.lent;
	call(arg);
	pthread_cleanup_pop(1);
}

void exec_with_environ(void (*call)(void *arg), void *arg)
{
	size_t bytes = follow_room(environ);
	void *large;

	if (bytes > 0 && bytes <= ON_STACK) {
		lend(alloca(bytes), call, arg);
		return;
	}
	large = bytes ? map(bytes) : NULL;
	if (!large) {
		call(arg);
		return;
	}
	lend(large, call, arg);
	sys2(SYS_munmap, large, bytes);
}

static long call_exec(const void *arg, char *const envp[])
{
	const struct exec *x = arg;

	switch (x->how) {
	case BY_SEARCH:
		return libc_execvpe(x->path, x->argv, envp);
	case BY_FD:
		return libc_fexecve(x->fd, x->argv, envp);
	case BY_AT:
		return libc_execveat(x->fd, x->path, x->argv, envp, x->flags);
	case BY_SYSCALL:
		return libc_syscall(SYS_execve, (long)x->path, (long)x->argv, (long)envp, 0, 0, 0);
	default:
		return libc_execve(x->path, x->argv, envp);
	}
}

static int execute(const struct exec *x, const void *caller)
{
	bool counted = watched(0) && start_ready();
	long r;

	if (x->how == BY_AT && (x->flags & AT_EXECVE_CHECK)) /* a question, or EINVAL */
		return (int)call_exec(x, x->envp);
	/* What lingers, in a thread that this would end, goes on: nobody waits for it in vain. */
	if (counted && helper_running() && !executable_exists(x))
		return (int)exec_with(x->envp, call_exec, x);
	ending_exec(executable, x, caller);
	if (counted)
		family_exec_begin(executable, x);
	r = exec_with(x->envp, call_exec, x);
	if (counted) { /* it has come back: it failed */
		family_exec_failed();
		ending_exec_failed();
	}
	return (int)r;
}

static int by_path(const char *path, char *const argv[], char *const envp[], const void *caller)
{
	struct exec x = {.how = BY_PATH, .path = path, .argv = argv, .envp = envp};

	return execute(&x, caller);
}

static int by_search(const char *file, char *const argv[], char *const envp[], const void *caller)
{
	struct exec x = {.how = BY_SEARCH, .path = file, .argv = argv, .envp = envp};

	return execute(&x, caller);
}

long rf_execve(const char *path, char *const argv[], char *const envp[], const void *caller)
{
	struct exec x = {.how = BY_SYSCALL, .path = path, .argv = argv, .envp = envp};

	return execute(&x, caller);
}

long rf_execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags,
	const void *caller)
{
	struct exec x = {BY_AT, path, argv, dir, flags, envp};

	return execute(&x, caller);
}

EXPORT(int, execve, (const char *path, char *const argv[], char *const envp[]))
{
	return by_path(path, argv, envp, CALLER());
}

EXPORT(int, execv, (const char *path, char *const argv[]))
{
	return by_path(path, argv, environ, CALLER());
}

EXPORT(int, execvpe, (const char *file, char *const argv[], char *const envp[]))
{
	return by_search(file, argv, envp, CALLER());
}

EXPORT(int, execvp, (const char *file, char *const argv[]))
{
	return by_search(file, argv, environ, CALLER());
}

EXPORT(int, fexecve, (int fd, char *const argv[], char *const envp[]))
{
	struct exec x = {.how = BY_FD, .fd = fd, .argv = argv, .envp = envp};

	if (!envp) /* to libc a mistake: EINVAL */
		return libc_fexecve(fd, argv, envp);
	return execute(&x, CALLER());
}

EXPORT(int, execveat,
	(int dir, const char *path, char *const argv[], char *const envp[], int flags))
{
	return (int)rf_execveat(dir, path, argv, envp, flags, CALLER());
}

/* The variadic ones hand on an array, on the stack as in libc: how many, and then which. */
static size_t count_arguments(va_list *from)
{
	size_t n = 1;
	va_list list;

	va_copy(list, *from);
	while (va_arg(list, char *))
		n++;
	va_end(list);
	return n;
}

static void take_arguments(char **argv, const char *first, va_list *list)
{
	*argv = (char *)first;
	while (*argv++)
		*argv = va_arg(*list, char *);
}

/* The array as `argv`, from the parameters `first` and the rest; a first of NULL is the end. */
#define ARGUMENTS(first) \
	char **argv; \
	va_list list; \
	va_start(list, first); \
	argv = alloca(((first) ? count_arguments(&list) + 1 : 1) * sizeof(*argv)); \
	take_arguments(argv, first, &list)

EXPORT(int, execl, (const char *path, const char *arg, ...))
{
	ARGUMENTS(arg);
	va_end(list);
	return by_path(path, argv, environ, CALLER());
}

EXPORT(int, execlp, (const char *file, const char *arg, ...))
{
	ARGUMENTS(arg);
	va_end(list);
	return by_search(file, argv, environ, CALLER());
}

/* The environment comes after the NULL that ends the arguments. */
EXPORT(int, execle, (const char *path, const char *arg, ...))
{
	char *const *envp;

	ARGUMENTS(arg);
	envp = va_arg(list, char *const *);
	va_end(list);
	return by_path(path, argv, envp, CALLER());
}
