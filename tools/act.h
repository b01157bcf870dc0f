/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_ACT_H
#define RSTFIX_ACT_H

#include "calls.h"
#include "doors.h"
#include "stage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What victims are made of. They are ordinary programs: these helpers call libc as a program does,
 * so that a shim preloaded into the victim sees it. No helper allocates; all wait at most
 * STAGE_PATIENCE_MS for the peer.
 */

#define ACT_REQUEST 1000	      /* bytes that the peer sends unless its script says else */
#define ACT_ANSWER  (4 * 1024 * 1024) /* bytes that a victim writes, or as many as fit */

#define ACT_UPLOAD (5 * ACT_REQUEST) /* in as many segments */
#define ACT_CROWD  5		     /* peers that wait in a listener's accept queue */
#define ACT_SHORT  32768	     /* fits into the peer's window */

struct victim_args {
	struct stage *stage;
	const struct door *door; /* through which the victim closes */
	const struct call *call; /* by which it is told of an error; NULL: by its own choice */
};

/* For a victim: gives up, naming the line, if the condition does not hold. */
#define NEED(args, condition) \
	do { \
		if (!(condition)) \
			return act_failed(args, __LINE__); \
	} while (0)

/* Notes the line; returns 1. */
int act_failed(const struct victim_args *args, int line);

/* A listener on the loopback address, by the transport of the trial. The peer connects only once act_accept waits for it. -1: failed. */
int act_listen(const struct victim_args *args);

/* Calls the peer, takes one connection of the listener and closes that. -1: failed. */
int act_accept(const struct victim_args *args, int listener);

/* Calls ACT_CROWD peers, and waits until all of them wait in the accept queue. 0, or 1: it has failed. */
int act_await_crowd(const struct victim_args *args, int listener);

/* act_listen and act_accept. */
int act_serve(const struct victim_args *args);

/* A connection to the peer, which listens. -1: failed. */
int act_connect(const struct victim_args *args);

/* Waits for a child. 0, or 1: it has failed. */
int act_reap(const struct victim_args *args, pid_t child);

/* SO_LINGER {1, 0}: close sends RST. */
bool act_arm_linger(int fd);

/* TCP_LINGER2 below 0: after close the peer's acknowledgement of the FIN is answered with RST. */
bool act_arm_linger2(int fd);

/* Waits until SIOCINQ is n. */
bool act_await_unread(int fd, int n);

/* Waits until all output is acknowledged. */
bool act_await_acknowledged(int fd);

/* Waits until the connection's TCP state (TCP_CLOSE, ...) is this one. */
bool act_await_state(int fd, int state);

/* Reads exactly n bytes; act_read_eof: nothing but the peer's FIN. */
bool act_read(int fd, size_t n);
bool act_read_eof(int fd);

/* Writes n bytes, blocking, and counts them. */
bool act_write(const struct victim_args *args, int fd, size_t n);

/*
 * An answer as large as fits; where the door has to write as well, one that leaves it room. Returns
 * once no acknowledgement is on its way: after a RST it would be answered with another.
 */
bool act_answer(const struct victim_args *args, int fd);

/* The call that the trial asks for, or else this one, fails with this error. */
bool act_fails(const struct victim_args *args, const char *otherwise, int fd, int error);

/* Writes up to n bytes without blocking, until the peer's kernel and ours take no more. */
bool act_fill(const struct victim_args *args, int fd, size_t n);

/* An answer that the peer's window takes, and the close. Returns what a victim does. */
int act_answer_and_close(const struct victim_args *args, int fd);

/* Tells the peer that it comes, and sends fd through the door. */
bool act_pass(const struct victim_args *args, int fd);

#endif
