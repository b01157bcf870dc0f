/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_PARSE_H
#define RSTFIX_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The small readers that configuration is made of: pure string code without allocation, locale or
 * errno, so that it may run in a constructor, a fork child or a signal handler. A reader returns
 * true and fills its result, or returns false and leaves the result as it was.
 */

/* A piece of a longer string; not NUL-terminated. */
struct span {
	const char *at;
	size_t len;
};

/* One legal word and its value; a table of them ends with text NULL. */
struct word {
	const char *text;
	uint64_t means;
};

#define PARSE_TIME_MAX_MS ((uint32_t)60 * 60 * 1000)
#define PARSE_SIZE_MAX	  ((uint64_t)1 << 40)

/* All of text, which must outlive the span. */
struct span span_of(const char *text);

bool span_is(struct span s, const char *text);

/* s without the blanks and tabs at its ends. */
struct span span_trimmed(struct span s);

/*
 * Cuts the part before the next comma off *list, which becomes NULL with the last part: then the
 * next call returns false. Empty parts are returned too, so that callers can refuse "a,,b" and "a,".
 */
bool span_next(struct span *part, const char **list);

/* True if the glob (* and ?, nothing else is special) matches all of name. */
bool span_glob(struct span glob, const char *name);

bool parse_word(const char *value, const struct word *words, uint64_t *means);

/* "0" or "1". */
bool parse_flag(const char *value, bool *flag);

/* Decimal digits and nothing else, from min to max. */
bool parse_number(struct span s, uint32_t min, uint32_t max, uint32_t *number);

/* "500ms", "2s", "1m" or "0", in milliseconds, up to PARSE_TIME_MAX_MS. */
bool parse_duration(struct span s, uint32_t *ms);

/* "4096", "64K", "1M" or "2G", in bytes, from 1 to PARSE_SIZE_MAX. */
bool parse_size(struct span s, uint64_t *bytes);

#endif
