/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_EXEC_H
#define RSTFIX_EXEC_H

#include <fcntl.h>
#include <stdbool.h>

#ifndef AT_EXECVE_CHECK
#define AT_EXECVE_CHECK 0x10000 /* Linux 6.14 */
#endif

/*
 * What a program hands over to those that it executes (policy/follow.h). Everything here may be used
 * in a vfork child: nothing is written that its parent shares, and nothing is allocated.
 */

/* A real call that takes an environment; arg holds its other arguments. */
typedef long exec_call(const void *arg, char *const envp[]);

/* Makes the call with envp as it should be; returns what it returns. */
long exec_with(char *const envp[], exec_call *call, const void *arg);

/*
 * The same for system(), popen() and wordexp(), which take the environment from `environ`: it is another one
 * during the call, and what a thread sets meanwhile is kept. May be cancelled.
 */
void exec_with_environ(void (*call)(void *arg), void *arg);

/* One exec, by whichever door. */
struct exec {
	enum { BY_PATH, BY_SEARCH, BY_FD, BY_AT, BY_SYSCALL } how;
	const char *path;
	char *const *argv;
	int fd, flags;
	char *const *envp; /* as the program gave it */
};

/*
 * Is this struct exec going to succeed, as far as the kernel tells it before (executable.c)? What it
 * may still fail for is memory, the limit on processes, and a race.
 */
bool executable(const void *exec);

/* Its file is there, and permitted; its format is not looked at. False: the exec fails. */
bool executable_exists(const void *exec);

/* The doors that syscall() shares with libc's names. */
long rf_execve(const char *path, char *const argv[], char *const envp[], const void *caller);
long rf_execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags,
	const void *caller);

#endif
