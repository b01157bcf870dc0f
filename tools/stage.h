/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_STAGE_H
#define RSTFIX_STAGE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What a victim and its peer tell each other: one shared page, so that each of them waits for what
 * the other has done and never for a time. A page outlives closefrom, fork and daemon, where a
 * descriptor would not. All of it may be used in a signal handler and in a forked or vforked child.
 */

#define STAGE_PATIENCE_MS 5000 /* longer than any step takes; then the trial has failed */

/* How far the victim is. */
enum stage_step {
	STEP_LISTENING = 1, /* port is set */
	STEP_CONNECTED,
	STEP_SHUT,   /* has called shutdown */
	STEP_READY,  /* about to do what the trial is about */
	STEP_CLOSED, /* has done it */
	STEP_DONE,   /* finished; failed is set */
};

/* How far the peer is. */
enum stage_cue {
	CUE_LISTENING = 1, /* port is set */
	CUE_SENT,	   /* all that it sends is with the kernel */
	CUE_CLOSED,	   /* it has closed, by FIN or by RST */
};

struct stage {
	_Atomic int step;
	_Atomic int cue;
	_Atomic int port;      /* on the loopback address, of whichever side listens */
	_Atomic int transport; /* by which the two connect: an index of transport.h */
	_Atomic int pid;       /* of the process that plays the victim */
	_Atomic int failed;    /* line of the first check that did not hold; 0: none */
	_Atomic int passed_ms; /* how long the close took */
	_Atomic int ends;      /* the close is the victim's end: STEP_READY is its last step */
	_Atomic uint64_t sent; /* bytes that the victim's writes accepted */
};

/* A page to be inherited over execve: *fd names it. NULL with errno. */
struct stage *stage_make(int *fd);

/* Maps an inherited page and closes its descriptor. NULL with errno. */
struct stage *stage_map(int fd);

void stage_unmap(struct stage *s);

/* Waits until *progress is at least `least`; false after ms milliseconds without. */
bool stage_await(const _Atomic int *progress, int least, int ms);

/* Milliseconds of the monotonic clock. */
int64_t stage_now_ms(void);

/* Waits until holds(arg); false after ms milliseconds without. */
bool stage_await_that(bool (*holds)(void *arg), void *arg, int ms);

#endif
