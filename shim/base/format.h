/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_FORMAT_H
#define RSTFIX_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Formatting without stdio, locale or memory: async-signal-safe. A text that does not fit is cut
 * and says so in `cut`; nothing is ever written past the end.
 */
struct text {
	char *at;
	size_t len; /* written so far, without a terminating NUL */
	size_t cap;
	bool cut;
};

static inline struct text text_on(char *buf, size_t cap)
{
	return (struct text){.at = buf, .cap = cap};
}

void text_char(struct text *t, char c);
void text_str(struct text *t, const char *s);
void text_mem(struct text *t, const char *s, size_t n);
void text_u64(struct text *t, uint64_t v);
void text_i64(struct text *t, int64_t v);
void text_hex(struct text *t, uint64_t v, unsigned min_digits);

/* Any bytes as the inside of a JSON string (RFC 8259): invalid UTF-8 becomes U+FFFD, control characters \uNNNN. */
void text_json(struct text *t, const char *s);

/* Any bytes for a terminal or a log line: control characters and invalid UTF-8 become \xNN. */
void text_safe(struct text *t, const char *s);

/* Bytes of the character at s, which is not empty; 0: a control character, or no UTF-8. */
unsigned text_printable(const char *s);

/* Microseconds since the epoch as 2026-11-22T12:00:00.123456Z (RFC 3339, always UTC). */
void text_time(struct text *t, int64_t us);

/* NUL-terminates within the capacity (cutting the last byte if need be) and returns the string. */
const char *text_end(struct text *t);

#endif
