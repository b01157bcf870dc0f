/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_SIGNALS_H
#define RSTFIX_SIGNALS_H

#include "sys.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Keeps the program's handlers out of what they must not interrupt, nor leave by longjmp(): all signals
 * are held back from the calling thread. By raw system call: any context.
 */
struct signals {
	bool held;
	uint64_t before; /* the program's mask */
};

static inline void signals_hold(struct signals *s)
{
	uint64_t every = ~UINT64_C(0);

	s->before = 0;
	s->held = sys4(SYS_rt_sigprocmask, SIG_SETMASK, &every, &s->before, sizeof(every)) == 0;
}

/* Those that came meanwhile strike here. */
static inline void signals_release(struct signals *s)
{
	if (s->held)
		sys4(SYS_rt_sigprocmask, SIG_SETMASK, &s->before, 0, sizeof(s->before));
	s->held = false;
}

/* One is held back that would have interrupted a system call. */
bool signals_waiting(const struct signals *s);

#endif
