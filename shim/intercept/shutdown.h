/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_SHUTDOWN_H
#define RSTFIX_SHUTDOWN_H

/*
 * What fd's record says of its sides being shut, or of none being so any more, is true of each duplicate of
 * it that this process has: whichever is closed last is judged by that. A scan and a few system calls
 * where it was ever duplicated, else nothing.
 */
void shutdown_share(int fd);

#endif
