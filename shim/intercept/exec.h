/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_EXEC_H
#define RSTFIX_EXEC_H

/*
 * What a program hands over to those that it executes (policy/follow.h). Everything here may be used
 * in a vfork child: nothing is written that its parent shares, and nothing is allocated.
 */

/* A real call that takes an environment; arg holds its other arguments. */
typedef long exec_call(const void *arg, char *const envp[]);

/* Makes the call with envp as it should be; returns what it returns. */
long exec_with(char *const envp[], exec_call *call, const void *arg);

/*
 * The same for system() and popen(), which take the environment from `environ`: it is another one
 * during the call, and what a thread sets meanwhile is kept. May be cancelled.
 */
void exec_with_environ(void (*call)(void *arg), void *arg);

/* The doors that syscall() shares with libc's names. */
long rf_execve(const char *path, char *const argv[], char *const envp[]);
long rf_execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags);

#endif
