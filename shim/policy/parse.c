/* SPDX-License-Identifier: MIT */
#include "parse.h"

#include <string.h>

struct span span_of(const char *text)
{
	return (struct span){text, strlen(text)};
}

bool span_is(struct span s, const char *text)
{
	return strlen(text) == s.len && memcmp(s.at, text, s.len) == 0;
}

bool span_next(struct span *part, const char **list)
{
	const char *comma;

	if (!*list)
		return false;
	comma = strchr(*list, ',');
	part->at = *list;
	part->len = comma ? (size_t)(comma - *list) : strlen(*list);
	*list = comma ? comma + 1 : NULL;
	return true;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

struct span span_trimmed(struct span s)
{
	while (s.len && blank(*s.at)) {
		s.at++;
		s.len--;
	}
	while (s.len && blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

bool parse_word(const char *value, const struct word *words, uint64_t *means)
{
	for (; words->text; words++) {
		if (strcmp(value, words->text) != 0)
			continue;
		*means = words->means;
		return true;
	}
	return false;
}

/* Digits from the front of s, which moves past them. False without any, or above max. */
static bool parse_digits(struct span *s, uint64_t max, uint64_t *number)
{
	size_t used = 0;
	uint64_t n = 0;

	while (used < s->len && s->at[used] >= '0' && s->at[used] <= '9') {
		n = n * 10 + (uint64_t)(s->at[used++] - '0');
		if (n > max)
			return false;
	}
	s->at += used;
	s->len -= used;
	*number = n;
	return used > 0;
}

bool parse_number(struct span s, uint32_t min, uint32_t max, uint32_t *number)
{
	uint64_t n;

	if (!parse_digits(&s, max, &n) || s.len || n < min)
		return false;
	*number = (uint32_t)n;
	return true;
}

/* A bare number has no unit and could mean seconds as well as milliseconds: only 0 is clear. */
bool parse_duration(struct span s, uint32_t *ms)
{
	uint64_t n;

	if (!parse_digits(&s, PARSE_TIME_MAX_MS, &n))
		return false;
	if (span_is(s, "s"))
		n *= 1000;
	else if (span_is(s, "m"))
		n *= 60 * 1000;
	else if (!span_is(s, "ms") && (s.len || n))
		return false;
	if (n > PARSE_TIME_MAX_MS)
		return false;
	*ms = (uint32_t)n;
	return true;
}

bool parse_size(struct span s, uint64_t *bytes)
{
	uint64_t n;
	unsigned shift = 0;

	if (!parse_digits(&s, PARSE_SIZE_MAX, &n))
		return false;
	if (span_is(s, "K"))
		shift = 10;
	else if (span_is(s, "M"))
		shift = 20;
	else if (span_is(s, "G"))
		shift = 30;
	else if (s.len)
		return false;
	if (n == 0 || n > PARSE_SIZE_MAX >> shift)
		return false;
	*bytes = n << shift;
	return true;
}

bool parse_flag(const char *value, bool *flag)
{
	if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
		return false;
	*flag = *value == '1';
	return true;
}

bool span_glob(struct span glob, const char *name)
{
	const char *pattern = glob.at, *end = glob.at + glob.len;
	const char *star = NULL, *resume = NULL;

	while (*name) {
		if (pattern < end && *pattern == '*') {
			star = pattern++;
			resume = name;
		} else if (pattern < end && (*pattern == '?' || *pattern == *name)) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star + 1;
			name = ++resume;
		} else {
			return false;
		}
	}
	while (pattern < end && *pattern == '*')
		pattern++;
	return pattern == end;
}
