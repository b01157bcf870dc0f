/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_STATSFILE_H
#define RSTFIX_STATSFILE_H

#include <stdint.h>

/*
 * The counter file of one process (RSTFIX_STATS), as it is mapped: written by the shim (stats.c), read
 * by the command (tools/statsread.c). In the byte order and the word size of its machine. It names its
 * patterns, calls, actions and outcomes itself, so that a reader need not be of the same version.
 *
 * What is there is whole at any moment, whatever kills the process: the magic is written when the
 * header is complete, an offset in `sites` when its record is. Only the fields told as atomic change
 * afterwards, and none of them ever falls.
 */
#define STATS_MAGIC   "RSTFIXST"
#define STATS_VERSION 1
#define STATS_SITES   2048

/* NAME is rstfix-PID-RANDOM.stats, and the file has this size; what is not used yet is a hole. */
#define STATS_PREFIX "rstfix-"
#define STATS_SUFFIX ".stats"
#define STATS_SIZE   (4U << 20)

struct stats_header {
	char magic[8];
	uint32_t version;
	uint32_t sites_count; /* offsets in `sites` */
	int32_t pid;
	uint32_t reserved;
	uint64_t pid_namespace; /* inode of /proc/self/ns/pid, in which pid counts; 0: unknown */
	uint64_t made_ns; /* CLOCK_BOOTTIME: a process with this pid that began later is another */
	int64_t start_s;  /* as in events: seconds since the epoch */
	char program[64], host[72], boot_id[40];
	char actions[64], outcomes[96]; /* names, separated by commas: the order in `counts` */
	uint64_t used;	     /* atomic: bytes from the start up to the end of the last record */
	uint64_t lost_lines; /* atomic: lines of the log that could not be written */
	uint64_t unplaced;   /* atomic: events whose callsite found no room here */
	uint32_t sites[];    /* atomic: offsets of the records, oldest first; 0: none yet */
};

/* Offsets in a record count from its start; names end with NUL within its size. */
struct stats_frame {
	uint64_t offset; /* in the module's file image; the address where there is no module */
	uint32_t module, build_id, symbol; /* offsets of names */
	uint32_t language; /* 1: of the program's language: module is the file, offset the line */
};

struct stats_record {
	uint32_t size;	      /* of the whole, a multiple of 8 */
	uint32_t pattern, op; /* offsets of names */
	uint32_t frames_count;
	uint32_t frames; /* offset */
	uint32_t reserved;
	uint64_t stack_id;
	uint64_t unread, unsent, drained, lost, saved; /* atomic: bytes */
	uint64_t lingered_ms;			       /* atomic */
	uint64_t counts[]; /* atomic: events, [action][outcome]; then the frames, then the names */
};

#endif
