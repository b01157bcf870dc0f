/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_SANDBOX_H
#define RSTFIX_SANDBOX_H

#include <stdbool.h>

/*
 * Law 8, for a seccomp filter that was there before the program (a container's, systemd's): the
 * system calls that the shim makes are tried once in a throwaway child. False: one of them would
 * kill, so the shim must stay out of this process. Called by the constructor. No filter, no child.
 * *reaper: those of the helper thread, and of what empties a listener's queue, are allowed as well:
 * these can be done without.
 */
bool sandbox_allows_us(bool *reaper);

/* The same for what RSTFIX_STATS needs besides. */
bool sandbox_allows_stats(void);

#endif
