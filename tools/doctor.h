/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_DOCTOR_H
#define RSTFIX_DOCTOR_H

#include "target.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* Findings of `rstfix doctor`: what keeps the shim out of a program, or from seeing all of it. */

/* In order of weight; each is an exit status of the command but for the note's. */
enum finding_weight {
	FINDING_NOTE,  /* to know; nothing of the program is hidden by it */
	FINDING_PART,  /* something will not be seen, or may not */
	FINDING_WHOLE, /* the shim cannot be in it */
};

struct finding {
	enum finding_weight weight;
	const char *code;  /* stable, for machines: "static", "io-uring", ... */
	char what[512];	   /* a sentence without its end */
	const char *why;   /* NULL: what says it */
	const char *to_do; /* NULL: nothing */
};

#define FINDINGS_MAX 32

struct diagnosis {
	char target[PATH_MAX]; /* the file that was judged in the end; a command's or a process's */
	char library[PATH_MAX]; /* the shim that would be loaded */
	struct target own;	/* what that is */
	pid_t pid;		/* 0: a command */
	unsigned count;
	struct finding list[FINDINGS_MAX];
};

/* Adds a finding; `format` is its what. */
void diagnosis_add(struct diagnosis *d, enum finding_weight weight, const char *code,
	const char *why, const char *to_do, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

enum finding_weight diagnosis_weight(const struct diagnosis *d);

/* On standard output. */
void diagnosis_print(const struct diagnosis *d);
void diagnosis_print_json(const struct diagnosis *d);

/* A command that is to be started from here: its file, the environment, this user. */
void doctor_command(struct diagnosis *d, char *const argv[]);

/* A process that runs. */
void doctor_process(struct diagnosis *d, pid_t pid);

/* What both have: the faults of target_follow() as findings. */
void doctor_faults(struct diagnosis *d, unsigned faults);

/*
 * A program's or a preloaded library's own file: links liburing, defines what the shim intercepts. `path`
 * is where it is read, `name` what it is called.
 */
void doctor_file(struct diagnosis *d, const char *path, const char *name, bool preload);

/*
 * The libraries in front of the shim in the value of an LD_PRELOAD, and in /etc/ld.so.preload, below
 * `root` ("" or "/proc/PID/root"). True: the shim's own library is in it.
 */
bool doctor_preloads(struct diagnosis *d, const char *root, const char *value);

/* The kernel, and the rights: effective capabilities as /proc/PID/status has them. */
void doctor_machine(struct diagnosis *d, const char *status);

/* The rest of the line after `key` in the text of /proc/PID/status, as a number. -1: not there. */
long long doctor_status(const char *status, const char *key, int base);

/* Reads a file of /proc to its end, NUL-terminated, into size bytes. -1 with errno. */
long doctor_read(const char *path, char *text, size_t size);

#endif
