/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_EXPORT_H
#define RSTFIX_EXPORT_H

#include "../base/fdhint.h"
#include "../base/libc.h"

/*
 * The exported functions. They are defined under another C name, so that libc's headers with their
 * attributes and transparent unions need not agree with hooks.def to the letter. A hook leaves at
 * once where there is nothing to do: its hint is 0 for what is no TCP socket, and while the shim is
 * not up, or passive. Up to that point nothing but the hint is touched, no thread-local storage.
 */
#define EXPORT(ret, name, params) \
	extern ret export_##name params __asm__(#name); \
	HOT __attribute__((visibility("default"))) ret export_##name params

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Where the program called the door: stands in for the stack where that cannot be unwound. */
#define CALLER() __builtin_return_address(0)

/* Is this number, just returned by the kernel, within the tables of an active shim? */
static inline bool watched(int fd)
{
	return (unsigned)fd < __atomic_load_n(&fdhint_limit, __ATOMIC_RELAXED);
}

#endif
