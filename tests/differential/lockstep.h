/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_DIFFERENTIAL_LOCKSTEP_H
#define RSTFIX_DIFFERENTIAL_LOCKSTEP_H

#include "program.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/types.h>

/*
 * How the actors of a program take turns: a page shared by all of them. Whoever has the turn does the
 * step at `at`, and gives the turn to the actor of the next one. All of it is done by raw system calls,
 * so that a library preloaded into the program sees nothing of it.
 */

#define LISTENERS  4
#define PEERS	   16
#define HEAD_BYTES 1024

/* What came of one step: all of it is compared, but what its comment says else of. */
struct outcome {
	int32_t done; /* 0: its actor did not live */
	int32_t ret;
	int32_t error;
	uint32_t sum;	 /* of what was read: bytes, events, an option's value */
	int32_t signals; /* SIGPIPEs until now */
	int32_t port;	 /* not compared: of the program's connection, its end that varies */
	int32_t own_port; /* not compared: its destination, where it is a listener of the program's */
	uint64_t inode[2]; /* not compared: of the sockets that were touched */
	int32_t closed;	   /* not compared: while a poll or select waited for it */
};

/* What the peer has got of one connection. */
struct received {
	int32_t used;
	int32_t port; /* the one that varies */
	uint32_t bytes;
	uint32_t sum;
	int32_t end; /* errno of the last read; 0: end of file */
	unsigned char head[HEAD_BYTES];
};

struct results {
	int32_t broken; /* the program did not come to its end: a signal, or -1: it hung */
	int32_t broken_at;
	int32_t left; /* descriptors that were open after all were closed */
	uint32_t resets;
	bool alone; /* else what lingers of another program may reset in this one */
	struct outcome outcomes[STEPS_MAX];
	struct received received[PEERS];
};

struct lockstep {
	_Atomic uint32_t turn[ACTORS]; /* 1: this actor's; a futex each */
	_Atomic uint32_t alive[ACTORS];
	_Atomic int32_t at;
	_Atomic int32_t resuming; /* the actor that executes the program anew */
	_Atomic uint32_t signals;
	_Atomic int32_t waiting;  /* the thread that waits in a call, or has come back from it */
	_Atomic uint32_t forward; /* the peer has the turn for another one: see lockstep_pass() */
	_Atomic uint32_t
		written; /* bytes by the program until now: each one is told from the next */
	pid_t pid[ACTORS];
	int32_t parent[ACTORS];
	int32_t peer_port;
	int32_t ports[LISTENERS]; /* of the program's listeners */
	int32_t listeners;
	int32_t slots[ACTORS][SLOTS];
	struct program program;
	struct results results;
};

/* Of the process that `path` (a memory file) is mapped in. NULL: errno tells. */
struct lockstep *lockstep_map(const char *path);

/*
 * Waits for this actor's turn. False, errno tells: ETIMEDOUT, there was none for `ms` (0: for ever), or EINTR.
 */
bool lockstep_await(struct lockstep *l, enum actor me, int ms);
void lockstep_give(struct lockstep *l, enum actor to);

/*
 * The turn goes to the one whose step `at` is; what nobody lives to do is left out. While a thread waits
 * it goes by way of the peer, who looks whether the thread sleeps again.
 */
void lockstep_pass(struct lockstep *l, int at);

/* The step at which the program is; NULL: it is over. */
const struct step *lockstep_step(struct lockstep *l);

/* The actor in whose process this one is. */
enum actor lockstep_process(enum actor a);

/* FNV-1a over n bytes more. */
#define SUM_START 2166136261U
uint32_t lockstep_sum(uint32_t sum, const void *bytes, size_t n);

static inline struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
}

#endif
