/* SPDX-License-Identifier: MIT */
#include "shrink.h"

#include <string.h>
#include <sys/mman.h>

#define TIMES 2 /* it has to show */

static bool bare_is_steady(const struct setting *set, const struct program *p, struct results *r)
{
	char why[512];

	return trial_run(set, BARE, p, 1, &r[0]) && trial_run(set, BARE, p, 1, &r[1]) &&
		compare_runs(p, &r[0], &r[1], AUDIT, why, sizeof(why));
}

static bool differs(const struct setting *set, struct finding *f, struct results *r)
{
	for (int i = 0; i < TIMES; i++) {
		memset(r, 0, 3 * sizeof(*r));
		if (!trial_run(set, f->mode, &f->program, 1, &r[2]) ||
			!bare_is_steady(set, &f->program, r) ||
			compare_runs(&f->program, &r[0], &r[2], f->mode, f->why, sizeof(f->why)))
			return false;
	}
	return true;
}

bool finding_holds(const struct setting *set, struct finding *f)
{
	struct results *r = mmap(
		NULL, 3 * sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool holds = r != MAP_FAILED && differs(set, f, r);

	if (r != MAP_FAILED)
		munmap(r, 3 * sizeof(*r));
	return holds;
}

static bool without(const struct setting *set, struct finding *f, int at, int n)
{
	struct finding less = *f;

	memmove(&less.program.steps[at], &less.program.steps[at + n],
		(size_t)(less.program.count - at - n) * sizeof(struct step));
	less.program.count -= n;
	if (!finding_holds(set, &less))
		return false;
	*f = less;
	return true;
}

void finding_shrink(const struct setting *set, struct finding *f)
{
	bool again = true;

	for (int n = f->program.count / 2; n >= 1; n = n > 1 ? n / 2 : again ? 1 : 0) {
		again = false;
		for (int at = f->program.count - n; at >= 0; at--)
			if (at + n <= f->program.count && without(set, f, at, n))
				again = true;
	}
}
