/* SPDX-License-Identifier: MIT */
#include "when.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *when_exact(char out[WHEN_SIZE], int64_t us)
{
	time_t s = us / 1000000;
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(out, WHEN_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, WHEN_SIZE - n, ".%06dZ", (int)(us % 1000000));
	return out;
}

const char *when_short(char out[WHEN_SIZE], int64_t us)
{
	time_t s = us / 1000000;
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(out, WHEN_SIZE, "%Y-%m-%d %H:%M:%S", &tm);
	return out;
}

const char *number_grouped(char out[WHEN_SIZE], uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	char *to = out;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return out;
}

const char *number_bytes(char out[WHEN_SIZE], uint64_t n)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double value = (double)n;
	unsigned unit = 0;

	for (; value >= 999.5 && unit < 6; unit++)
		value /= 1000;
	snprintf(out, WHEN_SIZE, unit && value < 10 ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return out;
}
