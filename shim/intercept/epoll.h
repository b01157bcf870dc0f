/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_EPOLL_H
#define RSTFIX_EPOLL_H

#include "../base/fdhint.h"

#include <stdbool.h>

/*
 * Takes fd, the last reference of its socket, out of every epoll that the program has registered it
 * with: those registrations live as long as the socket does, and the reaper keeps that. False: one
 * of them is unknown or cannot be undone.
 */
bool epoll_detach(int fd, const struct fdrec *rec);

/* Nobody but this process can wait for it in an epoll that it is registered with. */
bool epoll_private(const struct fdrec *rec);

/* Has the program ever registered a socket with an epoll? */
bool epoll_used(void);

int rf_epoll_ctl(int ep, int op, int fd, void *event);

#endif
