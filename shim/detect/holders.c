/* SPDX-License-Identifier: MIT */
#include "holders.h"

#include <stddef.h>
#include <sys/mman.h>

/* A socket that was open while 65,536 others were first counted is not counted any more. */
#define CELLS 65536U

static struct area {
	uint32_t made;
	uint32_t epoch;
	uint64_t cells[CELLS]; /* tag << 32 | count */
} * area;

void holders_start(void)
{
	void *p = mmap(NULL, sizeof(*area), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return;
	madvise(p, sizeof(*area), MADV_DONTDUMP);
	area = p;
}

bool holders_started(void)
{
	return area != NULL;
}

uint32_t holders_epoch(void)
{
	return area ? __atomic_load_n(&area->epoch, __ATOMIC_SEQ_CST) : 0;
}

void holders_void(void)
{
	uint32_t epoch = holders_epoch();

	while (area && epoch != UINT32_MAX &&
		!__atomic_compare_exchange_n(
			&area->epoch, &epoch, epoch + 1, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}

void holders_end(void)
{
	if (area)
		__atomic_store_n(&area->epoch, UINT32_MAX, __ATOMIC_SEQ_CST);
}

bool holders_ended(void)
{
	return holders_epoch() == UINT32_MAX;
}

static uint64_t *cell_of(uint32_t tag)
{
	return &area->cells[tag % CELLS];
}

uint64_t holders_new(uint32_t epoch, uint32_t count)
{
	uint32_t tag;

	if (!area)
		return 0;
	tag = __atomic_add_fetch(&area->made, 1, __ATOMIC_SEQ_CST);
	if (tag == 0) { /* from here on tags come again */
		holders_void();
		return 0;
	}
	__atomic_store_n(cell_of(tag), (uint64_t)tag << 32 | count, __ATOMIC_SEQ_CST);
	return (uint64_t)epoch << 32 | tag;
}

static bool valid(uint64_t handle)
{
	uint32_t epoch = holders_epoch();

	return handle && area && handle >> 32 == epoch && epoch != UINT32_MAX;
}

uint32_t holders_count(uint64_t handle)
{
	uint64_t seen;

	if (!valid(handle))
		return HOLDERS_UNKNOWN;
	seen = __atomic_load_n(cell_of((uint32_t)handle), __ATOMIC_SEQ_CST);
	return seen >> 32 == (uint32_t)handle ? (uint32_t)seen : HOLDERS_UNKNOWN;
}

static bool replace(uint64_t handle, uint32_t count, uint32_t with)
{
	uint64_t tag = handle << 32, seen = tag | count;

	return __atomic_compare_exchange_n(cell_of((uint32_t)handle), &seen, tag | with, false,
		__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

uint32_t holders_add(uint64_t handle)
{
	uint32_t count;

	do {
		count = holders_count(handle);
		if (count == 0 || count == HOLDERS_UNKNOWN)
			return HOLDERS_UNKNOWN;
	} while (!replace(handle, count, count + 1));
	return count + 1;
}

uint32_t holders_drop(uint64_t handle)
{
	uint32_t count;

	do {
		count = holders_count(handle);
		if (count == 0 || count == HOLDERS_UNKNOWN)
			return HOLDERS_UNKNOWN;
	} while (!replace(handle, count, count - 1));
	return count - 1;
}

bool holders_drop_unless_last(uint64_t handle)
{
	uint32_t count;

	do {
		count = holders_count(handle);
		if (count <= 1 || count == HOLDERS_UNKNOWN)
			return false;
	} while (!replace(handle, count, count - 1));
	return true;
}

void holders_spoil(uint64_t handle)
{
	uint32_t count;

	do
		count = holders_count(handle);
	while (count != HOLDERS_UNKNOWN && !replace(handle, count, HOLDERS_UNKNOWN));
}
