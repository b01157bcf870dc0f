/* SPDX-License-Identifier: MIT */
/*
 * Linked into a build of the library for tests only (make build/faults/librstfix.so): its own system
 * calls come here, and one of them fails as the plan says. What a door does in the program's place
 * stays as it is: base/libc.c is built without injected.h.
 */
#include "inject.h"

#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

extern const char __ehdr_start[] __attribute__((visibility("hidden")));

static struct plan *plan;

__attribute__((constructor(101))) static void begin(int argc, char **argv, char **envp)
{
	static const char key[] = "FAULTS_PLAN=";
	long fd, p;

	(void)argc;
	(void)argv;
	while (*envp && strncmp(*envp, key, sizeof(key) - 1) != 0)
		envp++;
	if (!*envp)
		return;
	fd = sys6(
		SYS_openat, AT_FDCWD, (long)(*envp + sizeof(key) - 1), O_RDWR | O_CLOEXEC, 0, 0, 0);
	if (fd < 0)
		return;
	p = sys6(SYS_mmap, 0, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	sys6(SYS_close, fd, 0, 0, 0, 0, 0);
	if (p > 0)
		plan = (struct plan *)p;
}

static struct point *find(uint32_t offset)
{
	for (unsigned i = 0; i < PLAN_POINTS; i++) {
		struct point *p = &plan->points[(offset + i) % PLAN_POINTS];
		uint32_t was = 0;

		if (__atomic_compare_exchange_n(
			    &p->offset, &was, offset, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) ||
			was == offset)
			return p;
	}
	return NULL;
}

/* The error that the call from there fails with; 0: it is made. */
static int fault(const void *from, uint32_t number)
{
	uint32_t offset = (uint32_t)((const char *)from - __ehdr_start);
	struct point *p;

	if (!plan)
		return 0;
	p = find(offset);
	if (p) {
		p->number = number;
		__atomic_add_fetch(&p->calls, 1, __ATOMIC_RELAXED);
	}
	if (plan->point != offset || __atomic_load_n(&plan->hits, __ATOMIC_SEQ_CST) >= plan->most)
		return 0;
	__atomic_add_fetch(&plan->hits, 1, __ATOMIC_SEQ_CST);
	return plan->error;
}

long faults_sys6(long n, long a, long b, long c, long d, long e, long f);

/* A close takes the descriptor whatever it returns, and an exit does not return. */
long faults_sys6(long n, long a, long b, long c, long d, long e, long f)
{
	int error = fault(__builtin_return_address(0), (uint32_t)n);

	return error && n != SYS_close && n != SYS_exit_group ? -error : sys6(n, a, b, c, d, e, f);
}

void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int __real_madvise(void *addr, size_t len, int advice);
void *__real_dlopen(const char *name, int flags);

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int __wrap_madvise(void *addr, size_t len, int advice);
void *__wrap_dlopen(const char *name, int flags);

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	int error = fault(__builtin_return_address(0), SYS_mmap);

	if (!error)
		return __real_mmap(addr, len, prot, flags, fd, offset);
	errno = error;
	return MAP_FAILED;
}

int __wrap_madvise(void *addr, size_t len, int advice)
{
	int error = fault(__builtin_return_address(0), SYS_madvise);

	if (!error)
		return __real_madvise(addr, len, advice);
	errno = error;
	return -1;
}

/* The loader's own system calls: libunwind cannot be opened, mapped or relocated. */
void *__wrap_dlopen(const char *name, int flags)
{
	return fault(__builtin_return_address(0), SYS_uselib) ? NULL : __real_dlopen(name, flags);
}
