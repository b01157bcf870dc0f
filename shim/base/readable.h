/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_READABLE_H
#define RSTFIX_READABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * May memory of the program's be looked at before the kernel has read it? A wild pointer is the kernel's
 * to refuse. What lies a little above this very frame is the stack, and costs nothing; elsewhere it is
 * one system call a page, but for the page that was asked of last. Any context.
 */
struct readable {
	uintptr_t page; /* is known to be; 0: none */
};

bool readable(struct readable *known, const void *at, size_t len);

/* How far the stack of the first thread reaches. Called once, by the constructor. */
void readable_start(void);

#endif
