/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_HOT_H
#define RSTFIX_HOT_H

/*
 * What a clean connection runs through is kept together: one page of data, two of code. Measured on
 * socket + connect + accept + 2 closes: the pages touched after each system call cost as much as
 * the questions asked of the kernel.
 */
#define HOT	 __attribute__((hot))
#define HOT_DATA __attribute__((section(".data.hot")))

#endif
