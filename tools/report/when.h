/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_WHEN_H
#define RSTFIX_REPORT_WHEN_H

#include <stdint.h>

#define WHEN_SIZE 48

/* Microseconds since the epoch as RFC 3339, and to the second for people; in UTC. Both return out. */
const char *when_exact(char out[WHEN_SIZE], int64_t us);
const char *when_short(char out[WHEN_SIZE], int64_t us);

/* 1,234,567 */
const char *number_grouped(char out[WHEN_SIZE], uint64_t n);

/* 512 B, 1.5 kB, 3.2 MB: decimal units */
const char *number_bytes(char out[WHEN_SIZE], uint64_t n);

#endif
