/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_FDHINT_H
#define RSTFIX_FDHINT_H

#include "hot.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What the kernel cannot tell about a descriptor: where it came from, where it was armed, what the
 * program has read. Hints only (law 1): everything is decided from the kernel's answers, and an
 * entry that outlived its socket must be harmless. The tables are mapped once, sized by the hard
 * RLIMIT_NOFILE, and cost memory only where they are touched. All functions may be called from
 * signal handlers. No locks: two threads that use one descriptor number at the same time may lose
 * a hint, never more.
 */

/* The hot byte of a descriptor: 0 is "nothing to do here". */
enum {
	HINT_STREAM = 1,    /* a TCP (or MPTCP) socket */
	HINT_EOF = 2,	    /* a read has returned 0: the peer's FIN, as it seems */
	HINT_ARMED = 4,	    /* SO_LINGER {1,0} was set, and nothing was read since */
	HINT_UNWINDER = 8,  /* no descriptor at all: libunwind's probe (log/unwind.h) */
	HINT_OWN = 16,	    /* the log (log/sink.h) */
	HINT_DEFERRED = 32, /* its SHUT_RD is due (fix/deferred.h) */
};

/* Two numbers that no limit allows (fs.nr_open is at most 2^31 - 64): libunwind's probe. */
#define FDHINT_PROBE (INT_MAX - 1)

enum role { ROLE_NONE, ROLE_SERVER, ROLE_CLIENT };

/* Flags of a record. */
enum {
	REC_MADE = 1,		 /* made in this process, through a door */
	REC_SHARED = 2,		 /* duplicated or sent: somebody else may hold it */
	REC_CLOEXEC = 4,	 /* close-on-exec since it was made */
	REC_MPTCP = 8,		 /* made with IPPROTO_MPTCP */
	REC_ARMED = 16,		 /* SO_LINGER {1,0} was set on this very socket */
	REC_ARMED_LISTENER = 32, /* ... or on the listener that it was accepted from */
	REC_READ_SINCE = 64,	 /* a read returned data after it was armed */
	REC_SHUT_RD = 128,	 /* shutdown() of the reading side went through */
	REC_SHUT_WR = 256,	 /* ... of the writing side */
	REC_SHUT_BOTH = REC_SHUT_RD | REC_SHUT_WR,
	REC_WROTE_AFTER_EOF = 512,   /* the program wrote after it had read the peer's FIN */
	REC_TOLD = 1024,	     /* an error of this connection was told already */
	REC_ESTABLISHED = 2048,	     /* accepted, or connect() or a read or write has succeeded */
	REC_EPOLLS_UNKNOWN = 4096,   /* registered with more epolls than a record holds */
	REC_LISTENS = 8192,	     /* listen() was called on it */
	REC_STREAMS_UNKNOWN = 16384, /* fdopen() has made more streams of it than a record holds */
	REC_ARMED_ELSEWHERE = 32768, /* others have, or may have, armed its listener */
	REC_EXECUTING = 1 << 26,     /* an exec in progress has let it go (detect/family.h) */

	/* Never in the tables, only in the copy that a close works with. */
	REC_LET_GO = 1 << 24, /* its holders were counted, and this one no longer is */
	REC_LAST = 1 << 25,   /* ... and it was the last */
};

struct endpoint {
	uint16_t family; /* AF_INET, AF_INET6, or 0: unknown */
	uint16_t port;	 /* host order */
	uint8_t addr[16];
};

struct fdrec {
	uint64_t cookie;	 /* SO_COOKIE when it was made or armed; 0: unknown */
	uint64_t forks;		 /* owner.h: the process doors when it was made */
	uint64_t spawns;	 /* ... and those that only execute */
	uint64_t holders;	 /* holders.h: their counter; 0: they are not counted */
	uint64_t armed_written;	 /* bytes written when it was armed */
	uint32_t made_ms;	 /* CLOCK_MONOTONIC */
	uint32_t shut_segs_in;	 /* tcpi_data_segs_in at the shutdown of both sides */
	uint32_t flags;		 /* REC_ */
	uint16_t armed_site;	 /* callsite.h: where it was armed; 0: unknown */
	uint16_t linger2_site;	 /* where TCP_LINGER2 was made negative, perhaps on its listener */
	uint16_t shut_site;	 /* where its reading side was shut down */
	uint16_t eof_write_site; /* where it was first written to after the peer's FIN */
	uint8_t role;
	uint8_t taken;	      /* by a vfork child, which writes nothing else (detect/family.h) */
	uint8_t giving;	      /* messages in progress that carry it (detect/giving.h) */
	uint8_t epoll_count;  /* how many epolls it was registered with under this number */
	int epolls[2];	      /* those */
	void *streams[2];     /* its FILEs (fdopen); NULL: no more */
	int epoll_pid;	      /* by which process */
	int pid;	      /* which has made, received or found it; 0: unknown */
	uint32_t asked_ms;    /* when a listener was last asked what others have set on it */
	struct endpoint peer; /* from connect(): a refused one has forgotten it */
};

/* Read by every hook: the table, and how far it reaches. The limit is 0 while the shim is passive. */
extern __attribute__((visibility("hidden"))) uint8_t *fdhint_table;
extern __attribute__((visibility("hidden"))) unsigned fdhint_limit;

/* The hot byte; 0 for what is beyond the table. */
static inline unsigned fdhint_get(int fd)
{
	if ((unsigned)fd >= __atomic_load_n(&fdhint_limit, __ATOMIC_RELAXED))
		return fd >= FDHINT_PROBE ? HINT_UNWINDER : 0;
	return __atomic_load_n(&fdhint_table[fd], __ATOMIC_RELAXED);
}

/* Maps the tables. Called once, by the constructor. False: no memory at all. The limit stays 0. */
bool fdhint_start(void);

/* Opens the doors (limit = size) or shuts them (0). */
void fdhint_open(void);
void fdhint_shut(void);

/* The record of fd; only for fd < fdhint_limit. */
struct fdrec *fdhint_record(int fd);

void fdhint_set(int fd, unsigned bits);	  /* adds bits to the hot byte */
void fdhint_unset(int fd, unsigned bits); /* takes bits away */

/* A new descriptor under this number: the record starts anew, with hot byte `bits`. */
struct fdrec *fdhint_begin(int fd, unsigned bits);

/* The number is about to be free, or to stand for what is no TCP socket. */
void fdhint_forget(int fd);

/* One more than the highest number that ever had a hint: how far close_range must look. */
unsigned fdhint_high(void);

/* Could this number be in the tables? They may not be open yet. */
bool fdhint_covers(int fd);

#endif
