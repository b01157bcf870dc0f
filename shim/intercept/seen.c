/* SPDX-License-Identifier: MIT */
#include "seen.h"

#include "../base/sys.h"

#include <sys/mman.h>

bool seen_begin(struct seen *s, uint32_t count)
{
	long p;

	for (s->size = 64; s->size < count * 2; s->size *= 2)
		;
	p = sys6(SYS_mmap, 0, (long)(s->size * sizeof(*s->cookies)), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p < 0 && p > -4096)
		return false;
	s->cookies = (uint64_t *)p;
	s->left = count;
	return true;
}

void seen_end(struct seen *s)
{
	sys2(SYS_munmap, s->cookies, s->size * sizeof(*s->cookies));
}

bool seen_before(struct seen *s, uint64_t cookie)
{
	uint32_t i = (uint32_t)((cookie * UINT64_C(0x9e3779b97f4a7c15)) >> 32);

	if (!cookie)
		return false;
	for (;; i++) {
		uint64_t *at = &s->cookies[i & (s->size - 1)];

		if (*at == cookie)
			return true;
		if (*at)
			continue;
		if (s->left) { /* else another thread shares more of them meanwhile */
			s->left--;
			*at = cookie;
		}
		return false;
	}
}
