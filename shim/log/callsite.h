/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_CALLSITE_H
#define RSTFIX_CALLSITE_H

#include "../detect/verdict.h"
#include "../policy/rules.h"
#include "python.h"
#include "unwind.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Interned callsites: one entry for each (pattern, operation, stack) of the process, with its
 * frames resolved once, its counters and its rate. Fixed memory, mapped lazily; lock-free; any
 * context. An entry is never moved or freed.
 */

#define CALLSITES 2048

enum outcome {
	OUTCOME_RESET,
	OUTCOME_AVERTED,
	OUTCOME_LINGERING,
	OUTCOME_DELIVERED,
	OUTCOME_EXPIRED,
	OUTCOME_FAILED,
	OUTCOME_SHARED,
	OUTCOME_SEEN,
	OUTCOME_COUNT
};

extern const char *const outcome_names[OUTCOME_COUNT];

struct frame {
	uint64_t offset; /* of the call within the module's file image; JIT code: the address */
	uint32_t module; /* index of a module; 0: none (code made at run time) */
	uint32_t symbol; /* "name+0x12" in the strings; 0: unknown */
};

struct stats_record;

struct callsite {
	uint32_t state;
	uint8_t pattern, op, frame_count;
	uint32_t epoch; /* unwind_epoch() when its frames were last known to be right */
	uint64_t key;	/* hash of pattern, op and return addresses: this process only */
	uint64_t
		id; /* stack_id: hash of build ids and offsets, files, functions and lines; 0: no stack */
	void *addresses[UNWIND_MAX];
	struct frame frames[UNWIND_MAX];
	struct python_stack python;
	struct language_frame language[PYTHON_MAX]; /* python.count of them */
	/* counters, atomic */
	uint64_t count, unread, unsent, drained;
	uint64_t lost;	      /* output that the resets have destroyed, bytes */
	uint64_t saved;	      /* output that a mend has brought to the peer, bytes */
	uint64_t lingered_ms; /* that the mends took, all in all */
	uint64_t outcomes[ACTION_COUNT][OUTCOME_COUNT];
	struct stats_record
		*record; /* the same counters in the mapped file (stats.c); NULL: not there */
	/* rate and telling, atomic */
	uint32_t window_s, in_window, untold;
	uint32_t frames_told_ms, frames_told_generation;
};

/* Maps the table. Called by the constructor. False: no memory; every find then returns 0. */
bool callsite_start(void);

/* In a forked child: counters at 0, frames to be told anew. */
void callsite_forked(void);

/*
 * The entry of this stack, made if it is new: its number, from 1 on. When the table is full, the
 * one entry without a stack of this pattern and operation; 0 for an arming (PATTERN_NONE).
 * python: the functions of the program's language, NULL or empty where there are none.
 * New stacks are resolved under dl_iterate_phdr, which takes a lock of the loader's.
 */
unsigned callsite_find(enum pattern pattern, enum op op, void **stack, unsigned n,
	const struct python_stack *python);

/* Entry `number`, or NULL for 0 and for what does not exist. */
struct callsite *callsite_at(unsigned number);

/* The entries in use, oldest first; NULL for one that is just being filled. */
unsigned callsite_count(void);
struct callsite *callsite_nth(unsigned i);

/* How many events ended so, whatever was decided about them. */
uint64_t callsite_outcomes(const struct callsite *site, enum outcome outcome);

/* May another full event of this callsite be told, at `rate` a second? */
bool callsite_admit(struct callsite *site, uint32_t now_ms, uint32_t rate);

/* Must this event carry its frames? Once a minute, and after each (re)opening of the log. */
bool callsite_frames_due(struct callsite *site, uint32_t now_ms, uint32_t generation);

/* Of a frame: the module's path and build id (hex), the symbol. "" where not known. */
const char *callsite_module(const struct frame *f);
const char *callsite_build_id(const struct frame *f);
const char *callsite_symbol(const struct frame *f);

/* Of a function of the program's language. "" where not known. */
const char *callsite_file(const struct language_frame *f);
const char *callsite_function(const struct language_frame *f);

#endif
