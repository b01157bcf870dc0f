/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_SUPERVISE_H
#define RSTFIX_SUPERVISE_H

#include <stdbool.h>

/* Runs a command to its end, and to that of what it leaves behind, as if it ran in this place. */
struct supervised {
	int error;  /* errno if the command could not be executed, else 0 */
	int status; /* of waitpid */
	bool left;  /* processes of it still run */
};

/*
 * Starts the command as a child, passes signals on to it, and waits for it; then for processes that
 * it left behind, which become children of this one, up to grace_ms. False with errno if there is no
 * child to be had.
 */
bool supervise(struct supervised *s, char *const command[], unsigned grace_ms);

/* Ends this process the way the command has ended. Returns an exit status if that cannot be. */
int supervise_end_alike(const struct supervised *s);

#endif
