/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_STATSREAD_H
#define RSTFIX_STATSREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/*
 * Reads the counter files of RSTFIX_STATS (shim/log/statsfile.h). Their bytes are believed in nothing:
 * whoever may write to the folder may have made them. Names are any bytes but NUL.
 */

#define STATS_NAMES 16 /* actions or outcomes at most; ours are fewer */

struct stats_callsite_frame {
	const char *module, *build_id, *symbol; /* "" where not known */
	uint64_t offset;
	bool language; /* of the program's language: offset is the line, module the file */
};

struct stats_callsite {
	const char *pattern, *op;
	uint64_t stack_id;
	uint64_t unread, unsent, drained, lost, saved, lingered_ms;
	const uint64_t *counts;		     /* [action][outcome] of its process */
	struct stats_callsite_frame *frames; /* innermost first */
	size_t frames_count;
};

enum stats_life { STATS_RUNNING, STATS_ENDED, STATS_UNKNOWN };

struct stats_process {
	const char *program, *host, *boot_id;
	int pid;
	int64_t start_s;
	uint64_t pid_namespace, made_ns;
	enum stats_life life;
	const char *actions[STATS_NAMES], *outcomes[STATS_NAMES];
	size_t actions_count, outcomes_count;
	uint64_t lost_lines, unplaced;
	struct stats_callsite *sites;
	size_t sites_count;
	void *data; /* what the names point into */
	char *file; /* its name in the folder; NULL: it was not read from one */
};

/*
 * Takes over data, which was allocated, and frees it on failure. False: it is no whole counter file
 * of a version that is known; nothing is then to be freed.
 */
bool stats_parse(struct stats_process *p, void *data, size_t size);
void stats_free(struct stats_process *p);

/* How many events of that callsite there were. */
uint64_t stats_events(const struct stats_process *p, const struct stats_callsite *s);

struct stats_folder {
	struct stats_process *list;
	size_t count;
	size_t unreadable; /* files with the right name that are none */
	struct stat is;	   /* the folder itself, whatever its name leads to later */
};

/* May a file have this name? */
bool stats_name(const char *name);

enum stats_result {
	STATS_GOOD,
	STATS_UNFINISHED, /* just being made, by a process that may have been killed at it */
	STATS_BAD,
};

/* Reads one file. Only of what is good something is to be freed; whether it runs is not asked. */
enum stats_result stats_file_read(struct stats_process *p, const char *path);

/* Reads all files of a folder. NULL, or why it cannot be read. stats_folder_free() in any case. */
const char *stats_folder_read(struct stats_folder *f, const char *path);
void stats_folder_free(struct stats_folder *f);

/* Leaves those of processes that have ended. Where a process runs nobody removes its file. */
void stats_folder_keep_ended(struct stats_folder *f);

/* Removes from the folder the files that f has. How many; 0 where path leads to another folder now. */
size_t stats_folder_remove(const struct stats_folder *f, const char *path);

#endif
