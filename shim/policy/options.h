/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_OPTIONS_H
#define RSTFIX_OPTIONS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The configuration: one table holds every RSTFIX_ variable's name, type, default, range and help.
 * The shim reads the environment by it once, in the constructor; `rstfix run` validates by it,
 * `rstfix help environment` and the man page are printed from it. No allocation, no input or output:
 * whoever calls says where a complaint goes.
 */

enum mode { MODE_AUDIT, MODE_FIX, MODE_OFF };
enum log_target { LOG_STDERR, LOG_NONE, LOG_SYSLOG, LOG_JOURNAL, LOG_FILE };
enum log_format { FORMAT_TEXT, FORMAT_JSON };

#define BYTES_NO_CAP UINT64_MAX

/* How long a mended close may linger. Times in milliseconds. */
struct linger_limits {
	uint32_t idle_ms;  /* without progress: nothing received, nothing acknowledged */
	uint32_t total_ms; /* all in all */
	uint32_t sockets;  /* lingering at once */
	uint64_t
		bytes_accepted; /* drained at most from an accepted socket; BYTES_NO_CAP by default */
	uint64_t bytes_connected; /* drained at most from a connected one; 1 MiB by default */
};

struct options {
	enum mode mode;
	enum log_target log;
	char log_path[PATH_MAX]; /* as given, %p and %e not yet replaced */
	enum log_format format;
	uint32_t backtrace; /* frames, 0 to 64 */
	uint32_t rate;	    /* full events a second for one callsite */
	struct linger_limits linger;
	uint32_t exit_ms;
	char programs[1024]; /* comma list of globs; empty: all programs */
	bool follow;
	bool watch;
	bool closes;
	char stats[PATH_MAX]; /* directory; empty: none */
	const char *policy; /* rules, and the path of a file of them, in the environment; or NULL */
	const char *policy_file;
};

struct option {
	const char *name;     /* RSTFIX_MODE */
	const char *type;     /* "word", "number", "duration", ... for people */
	const char *fallback; /* the default, as one would write it */
	const char *allowed;  /* the legal values, as told in a complaint */
	const char *help;     /* what it does: one or two sentences */
	bool enforcing;	      /* a mistake here makes the mode audit */
	bool (*parse)(struct options *o, const char *value); /* false: not legal, o unchanged */
};

extern const struct option options_table[];
extern const size_t options_count;

/* Told once for each mistake: the variable, its value (any bytes), what is allowed. */
typedef void options_complain(
	void *arg, const struct option *row, const char *name, const char *value);

/* Fills o with every default. */
void options_default(struct options *o);

/*
 * Fills o from an environment (NULL-terminated NAME=VALUE strings): defaults first, then each RSTFIX_
 * variable. A value that cannot be read keeps its default and is complained about; so is an unknown
 * RSTFIX_ name (row is NULL then). After a mistake in an enforcing variable the mode is audit,
 * unless it is off. Returns the number of mistakes. An empty value means the default.
 */
unsigned options_read(struct options *o, char *const env[], options_complain *complain, void *arg);

/* True if name matches one of the comma-separated globs of list (* and ?), or list is empty. */
bool options_program_matches(const char *list, const char *name);

#endif
