/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_SANDBOX_H
#define RSTFIX_SANDBOX_H

#include <stdbool.h>

/* What else the filter allows, and can be done without. */
struct sandbox {
	bool filtered;	 /* there is one */
	bool reaper;	 /* those of the helper thread, and of what empties a listener */
	bool exec_check; /* execveat(AT_EXECVE_CHECK) */
	bool kcmp;	 /* kcmp and getppid */
	bool unshare;	 /* unshare, of what one thread has by itself */
	bool denies;	 /* some of the rest fails, with EPERM or ENOSYS */
};

/*
 * Law 8, for a seccomp filter that was there before the program (a container's, systemd's): the
 * system calls that the shim makes are tried once in a throwaway child. False: one of them would
 * kill, so the shim must stay out of this process. Called by the constructor. No filter, no child.
 */
bool sandbox_allows_us(struct sandbox *s);

/* The same for what RSTFIX_STATS needs besides. */
bool sandbox_allows_stats(void);

/* The same of process_vm_readv(). */
bool sandbox_allows_peek(void);

/* The same of connect(), without which no daemon can have the log. */
bool sandbox_allows_connect(void);

#endif
