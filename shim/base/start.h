/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_START_H
#define RSTFIX_START_H

#include "../detect/owner.h"
#include "../policy/options.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The process as the shim knows it: written by the constructor, and anew in a forked child.
 */
struct self {
	struct options opt;
	pid_t pid;
	char program[64];      /* argv[0] without its folder */
	int64_t start_s;       /* when the constructor ran, seconds since the epoch */
	bool filtered;	       /* a seccomp filter was there before the program */
	bool exec_check;       /* an inherited seccomp filter lets execveat be asked */
	bool kcmp;	       /* ... and kcmp */
	bool unshare;	       /* ... and unshare */
	bool threaded_at_fork; /* this process is the fork of one that had more threads */
};

extern struct self self;

/*
 * Of those what every connection asks: clone(CLONE_VM) made a process in this memory; MODE_FIX; a rule
 * wants late-data mended wherever it may come.
 */
extern __attribute__((visibility("hidden"))) bool start_shares_memory, start_fix, start_late;

/*
 * Sockets may be handed to the reaper: MODE_FIX, or RSTFIX_WATCH. Every close before the peer's FIN is
 * judged whole: RSTFIX_WATCH or RSTFIX_CLOSES.
 */
extern __attribute__((visibility("hidden"))) bool start_takes, start_every;

/*
 * Threads in poll() and select(), which hold what they wait for: counted with RSTFIX_WATCH only. One that
 * is cancelled there, or leaves by longjmp(), stays counted.
 */
extern __attribute__((visibility("hidden"))) uint32_t start_waiting;

/*
 * What every hook asks after its hint and before it does anything: true if this process may be
 * judged and its tables written. False in a vfork child, which would write its parent's. A forked
 * child is made ready here, at its first door, however it was made. Any context.
 */
bool start_ready(void);

/*
 * The same question where nothing is told: may the tables be written? A forked child that was not
 * seen being made writes its own copy of them; it is made ready when it has something to tell.
 */
static inline bool start_may_note(void)
{
	if (__builtin_expect(!owner_vfork_running() && !start_shares_memory, 1))
		return true;
	return start_ready();
}

/* This number stands for no TCP socket: its hint goes, unless a vfork child says so. */
static inline void start_forget(int fd)
{
	if (__builtin_expect(fdhint_get(fd) & ~HINT_UNWINDER, 0) && start_may_note())
		fdhint_forget(fd);
}

/* A TCP socket has come from another program: received, or there from the start. */
void start_found(int fd);

/* Number of threads of this process; 0 if it is not known: no /proc, and more than one. */
unsigned start_threads(void);

/* Milliseconds of CLOCK_MONOTONIC, coarse; microseconds since the epoch. */
uint32_t start_now_ms(void);
int64_t start_now_us(void);

/*
 * Around whatever makes system calls of the shim's own for an event: start_passive() waits for it.
 * False: the process has turned passive, hands off. start_stopping() tells a wait to come to an end.
 */
bool start_busy_enter(void);
void start_busy_leave(void);
bool start_busy(void); /* somebody is in between */
bool start_stopping(void);

/*
 * Passive (law 8): from here on no system call of the shim's own, only the doors' own. Called
 * before a seccomp filter is installed; start_resume() if that failed.
 */
void start_passive(const char *why);
void start_resume(void);

/* The constructor's body (intercept/entry.c). */
void start(int argc, char **argv, char **envp);

#endif
