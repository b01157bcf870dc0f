/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_DIFFERENTIAL_ACTING_H
#define RSTFIX_DIFFERENTIAL_ACTING_H

#include "lockstep.h"

/* One step that is being done, in the process of its actor. */
struct acting {
	struct lockstep *l;
	enum actor me;
	const struct step *s;
	struct outcome *o;
	int32_t *slots;
};

/* The number that stands in the slot of an argument, and where to put a new one. */
static inline int acting_fd(const struct acting *a, int arg)
{
	return a->slots[a->s->arg[arg]];
}

static inline int acting_put(const struct acting *a, int arg, int fd)
{
	if (fd >= 0)
		a->slots[a->s->arg[arg]] = fd;
	return fd;
}

/* The first value of the choice of an argument. */
static inline int acting_value(const struct acting *a, int arg)
{
	return program_choice(a->s, arg)->v[0];
}

/* What no call returns: it was not made, because it would have waited for ever. */
#define ACTING_WOULD_WAIT (-2)

/*
 * May the call be made? An internet socket has a timeout of its own (acting_limit()); others are asked
 * first whether they are ready for `events`.
 */
bool acting_ready(int fd, short events);
/* Short, for it is waited for; inherited by what is accepted. */
#define ACTING_LIMIT_MS 3
void acting_limit(int fd, int ms);

/* 0: it is no socket. */
uint64_t acting_inode(int fd);

/* Each does the calls of its kind and returns what is to be compared as the result; else false. */
bool acting_socket(struct acting *a);
bool acting_transfer(struct acting *a);
bool acting_wait(struct acting *a);
bool acting_descriptor(struct acting *a);
bool acting_process(struct acting *a);

/*
 * A call that waits while others act. The turn goes on as soon as it does; what came of it is told by
 * the actor's next step, CALL_WAITED.
 */
void acting_block(struct acting *a);
void acting_unblock(struct acting *a);

/* Waits for the end of the actor whose last step this was, and notes it. */
void acting_reap(struct lockstep *l, enum actor a, struct outcome *o);

/* Path of the page, for what is executed anew. */
extern const char *acting_path;

/* An actor's life: returns at its end, if it is a thread. */
void actor_run(struct lockstep *l, enum actor me);

#endif
