/* SPDX-License-Identifier: MIT */
#include "format.h"

#include <string.h>

void text_mem(struct text *t, const char *s, size_t n)
{
	if (n > t->cap - t->len) {
		n = t->cap - t->len;
		t->cut = true;
	}
	memcpy(t->at + t->len, s, n);
	t->len += n;
}

void text_char(struct text *t, char c)
{
	text_mem(t, &c, 1);
}

void text_str(struct text *t, const char *s)
{
	text_mem(t, s, strlen(s));
}

static void text_digits(struct text *t, uint64_t v, unsigned base, unsigned min)
{
	char buf[24];
	unsigned n = sizeof(buf);

	do {
		buf[--n] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	while (sizeof(buf) - n < min)
		buf[--n] = '0';
	text_mem(t, buf + n, sizeof(buf) - n);
}

void text_u64(struct text *t, uint64_t v)
{
	text_digits(t, v, 10, 1);
}

void text_i64(struct text *t, int64_t v)
{
	if (v < 0)
		text_char(t, '-');
	text_u64(t, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void text_hex(struct text *t, uint64_t v, unsigned min_digits)
{
	text_digits(t, v, 16, min_digits > 20 ? 20 : min_digits);
}

/* Length of the valid UTF-8 sequence at s (RFC 3629), or 0. */
static unsigned utf8_len(const unsigned char *s)
{
	unsigned n, i;
	uint32_t cp;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2, cp = s[0] & 0x1f;
	else if ((s[0] & 0xf0) == 0xe0)
		n = 3, cp = s[0] & 0x0f;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4, cp = s[0] & 0x07;
	else
		return 0;
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (s[i] & 0x3f);
	}
	if ((n == 3 && cp < 0x800) || (n == 4 && (cp < 0x10000 || cp > 0x10ffff)))
		return 0;
	if (cp >= 0xd800 && cp <= 0xdfff)
		return 0;
	return n;
}

/* C1 control characters (U+0080 to U+009F) drive terminals too. */
static bool printable(const unsigned char *p, unsigned n)
{
	if (n == 1)
		return *p >= 0x20 && *p != 0x7f;
	return n > 2 || !(p[0] == 0xc2 && p[1] < 0xa0);
}

unsigned text_printable(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned n = utf8_len(p);

	return n > 0 && printable(p, n) ? n : 0;
}

void text_json(struct text *t, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned n;

	for (; *p; p += n) {
		n = utf8_len(p);
		if (n == 0) {
			text_str(t, "\\ufffd");
			n = 1;
		} else if (*p == '"' || *p == '\\') {
			text_char(t, '\\');
			text_char(t, (char)*p);
		} else if (!printable(p, n)) {
			text_str(t, "\\u");
			text_hex(t, p[n - 1], 4);
		} else {
			text_mem(t, (const char *)p, n);
		}
	}
}

void text_safe(struct text *t, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned n;

	for (; *p; p += n) {
		n = utf8_len(p);
		if (n > 0 && printable(p, n)) {
			text_mem(t, (const char *)p, n);
			continue;
		}
		n = 1;
		text_str(t, "\\x");
		text_hex(t, *p, 2);
	}
}

/* Days since 1970-01-01 to the proleptic Gregorian calendar, by 400-year eras from 0000-03-01. */
static void civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t era;
	unsigned doe, yoe, doy, mp;

	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = (unsigned)(days - era * 146097);
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = (int64_t)yoe + era * 400 + (*month <= 2);
}

static void text_padded(struct text *t, uint64_t v, unsigned width)
{
	text_digits(t, v, 10, width);
}

void text_time(struct text *t, int64_t us)
{
	int64_t sec = us / 1000000, days, year;
	unsigned frac = (unsigned)(us % 1000000), month, day, left;

	if (us < 0)
		sec = 0, frac = 0;
	days = sec / 86400;
	left = (unsigned)(sec % 86400);
	civil_from_days(days, &year, &month, &day);
	text_padded(t, (uint64_t)year, 4);
	text_char(t, '-');
	text_padded(t, month, 2);
	text_char(t, '-');
	text_padded(t, day, 2);
	text_char(t, 'T');
	text_padded(t, left / 3600, 2);
	text_char(t, ':');
	text_padded(t, left / 60 % 60, 2);
	text_char(t, ':');
	text_padded(t, left % 60, 2);
	text_char(t, '.');
	text_padded(t, frac, 6);
	text_char(t, 'Z');
}

const char *text_end(struct text *t)
{
	if (t->len == t->cap) {
		t->cut = true;
		t->len--;
	}
	t->at[t->len] = 0;
	return t->at;
}
