/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_PROMETHEUS_H
#define RSTFIX_PROMETHEUS_H

#include "statsread.h"

#include <stdio.h>

/*
 * The counters of a folder in Prometheus' text format, as node_exporter's textfile collector takes it:
 * summed up over the processes of a program. False: no memory.
 */
bool prometheus_write(FILE *out, const struct stats_folder *f);

/*
 * The same of the folder RSTFIX_STATS=dir. Returns the exit status; a mistake is told on standard error,
 * for `command`.
 */
int prometheus_print(FILE *out, const char *command, const char *dir);

#endif
