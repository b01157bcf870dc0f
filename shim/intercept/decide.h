/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_DECIDE_H
#define RSTFIX_DECIDE_H

#include "../log/event.h"

/*
 * From an event to what is done about it: the first rule that matches, or the mode's default. Any
 * context but a vfork child.
 */

/*
 * e has its pattern, operation and intent. Finds the callsite, decides, and fills in what is common
 * to all events (event_about). False: a rule says that it is to be ignored.
 */
bool decide(struct event *e, int fd, const struct facts *f, const struct fdrec *rec,
	const void *caller);

/* Is this to be mended, here and now? Audit never does. */
bool decide_mends(const struct event *e);

/* After the event was told: stops the program, where a rule says so. Audit never does. */
void decide_stop(const struct event *e);

#endif
