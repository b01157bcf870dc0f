/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_TOPSCREEN_H
#define RSTFIX_TOPSCREEN_H

#include "toprows.h"

/*
 * The live table, on the terminal that standard input and output are, until q is pressed. Returns the
 * exit status.
 */
int topscreen_run(const char *dir, enum top_order order);

#endif
