/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_SANDBOX_H
#define RSTFIX_SANDBOX_H

#include <stdbool.h>

/*
 * Law 8, for a seccomp filter that was there before the program (a container's, systemd's): the
 * system calls that the shim makes are tried once in a throwaway child. False: one of them would
 * kill, so the shim must stay out of this process. Called by the constructor. No filter, no child.
 */
bool sandbox_allows_us(void);

#endif
