/* SPDX-License-Identifier: MIT */
#include "fdhint.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

HOT_DATA uint8_t *fdhint_table;
HOT_DATA unsigned fdhint_limit;

HOT_DATA static struct fdrec *records;
static unsigned size;
HOT_DATA static unsigned high;

/* 2^20 descriptors: what systemd allows by default at most; 109 MB of address space, untouched. */
#define SIZE_MAX_FDS	 (1U << 20)
#define SIZE_LIMITED_FDS 16384U
#define SIZE_MIN_FDS	 1024U

static void *map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, bytes, MADV_DONTDUMP);
	return p;
}

/* A program under a limit of memory needs what it has: a small table then. */
static bool memory_is_limited(void)
{
	struct rlimit lim;

	return (getrlimit(RLIMIT_AS, &lim) == 0 && lim.rlim_cur != RLIM_INFINITY) ||
		(getrlimit(RLIMIT_DATA, &lim) == 0 && lim.rlim_cur != RLIM_INFINITY);
}

static bool map_tables(unsigned n)
{
	fdhint_table = map(n);
	if (!fdhint_table)
		return false;
	records = map((size_t)n * sizeof(*records));
	if (records)
		return true;
	munmap(fdhint_table, n);
	return false;
}

bool fdhint_start(void)
{
	struct rlimit lim;
	unsigned n = SIZE_MIN_FDS;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_max > n)
		n = lim.rlim_max < SIZE_MAX_FDS ? (unsigned)lim.rlim_max : SIZE_MAX_FDS;
	if (n > SIZE_LIMITED_FDS && memory_is_limited())
		n = SIZE_LIMITED_FDS;
	while (!map_tables(n)) {
		if (n == SIZE_MIN_FDS)
			return false;
		n = SIZE_MIN_FDS;
	}
	size = n;
	return true;
}

void fdhint_open(void)
{
	__atomic_store_n(&fdhint_limit, size, __ATOMIC_RELEASE);
}

void fdhint_shut(void)
{
	__atomic_store_n(&fdhint_limit, 0, __ATOMIC_RELEASE);
}

HOT struct fdrec *fdhint_record(int fd)
{
	return &records[fd];
}

void fdhint_set(int fd, unsigned bits)
{
	__atomic_fetch_or(&fdhint_table[fd], (uint8_t)bits, __ATOMIC_RELAXED);
}

HOT void fdhint_unset(int fd, unsigned bits)
{
	__atomic_fetch_and(&fdhint_table[fd], (uint8_t)~bits, __ATOMIC_RELAXED);
}

HOT struct fdrec *fdhint_begin(int fd, unsigned bits)
{
	unsigned seen = __atomic_load_n(&high, __ATOMIC_RELAXED);

	while ((unsigned)fd >= seen &&
		!__atomic_compare_exchange_n(
			&high, &seen, (unsigned)fd + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	memset(&records[fd], 0, sizeof(records[fd]));
	__atomic_store_n(&fdhint_table[fd], (uint8_t)bits, __ATOMIC_RELEASE);
	return &records[fd];
}

HOT void fdhint_forget(int fd)
{
	if (fdhint_get(fd))
		__atomic_store_n(&fdhint_table[fd], 0, __ATOMIC_RELAXED);
}

unsigned fdhint_high(void)
{
	return __atomic_load_n(&high, __ATOMIC_RELAXED);
}

bool fdhint_covers(int fd)
{
	return (unsigned)fd < size;
}
