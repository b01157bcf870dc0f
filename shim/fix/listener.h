/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_LISTENER_H
#define RSTFIX_LISTENER_H

#include "../log/event.h"

#include <stdbool.h>

/*
 * Before a listener is closed or shut down: takes every connection out of its accept queue and closes
 * each gracefully, by the reaper where there is one. New SYNs are dropped meanwhile, where a filter
 * may be attached: their clients try again, and find a successor, or nobody. Bounded in number and in
 * time; ends where no descriptor is free.
 *
 * Only for the last reference of the listener (owner.h). Fills in how the event has ended. True: SYNs
 * are still dropped; a listener that is only shut down may listen again, after listener_release().
 * No errno; any context but a vfork child.
 */
bool listener_empty(int fd, struct event *e);
void listener_release(int fd);

#endif
