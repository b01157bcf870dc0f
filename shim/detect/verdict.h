/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_VERDICT_H
#define RSTFIX_VERDICT_H

#include "../base/fdhint.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Pure judgement: from facts and an operation to a pattern. Touches no socket; every function may
 * be called from anywhere.
 */

/* X(symbol, name): stable names, which stand in events, policies, reports and man pages. */
#define PATTERNS(X) \
	X(NONE, "none") \
	X(UNREAD_CLOSE, "unread-close") \
	X(LINGER_ZERO, "linger-zero") \
	X(LINGER2_NEGATIVE, "linger2-negative") \
	X(SHUTDOWN_READ, "shutdown-read") \
	X(LATE_DATA, "late-data") \
	X(LISTENER_CLOSE, "listener-close") \
	X(DISCONNECT, "disconnect") \
	X(WRITE_AFTER_CLOSE, "write-after-close") \
	X(PEER_RESET, "peer-reset") \
	X(CONNECT_REFUSED, "connect-refused") \
	X(TIMED_OUT, "timed-out")

#define OPERATIONS(X) \
	X(CLOSE, "close") \
	X(CLOSE_RANGE, "close_range") \
	X(CLOSEFROM, "closefrom") \
	X(FCLOSE, "fclose") \
	X(FREOPEN, "freopen") \
	X(DUP2, "dup2") \
	X(DUP3, "dup3") \
	X(EXIT, "exit") \
	X(EXEC, "exec") \
	X(SHUTDOWN, "shutdown") \
	X(SETSOCKOPT, "setsockopt") \
	X(GETSOCKOPT, "getsockopt") \
	X(CONNECT, "connect") \
	X(READ, "read") \
	X(READV, "readv") \
	X(RECV, "recv") \
	X(RECVFROM, "recvfrom") \
	X(RECVMSG, "recvmsg") \
	X(RECVMMSG, "recvmmsg") \
	X(WRITE, "write") \
	X(WRITEV, "writev") \
	X(SEND, "send") \
	X(SENDTO, "sendto") \
	X(SENDMSG, "sendmsg") \
	X(SENDMMSG, "sendmmsg")

#define X(symbol, name) PATTERN_##symbol,
enum pattern { PATTERNS(X) PATTERN_COUNT };
#undef X
#define X(symbol, name) OP_##symbol,
enum op { OPERATIONS(X) OP_COUNT };
#undef X

enum intent { INTENT_NONE, INTENT_UNKNOWN, INTENT_CONFIG, INTENT_ABORT };
enum harm { HARM_QUIET, HARM_RESET_SEEN, HARM_OUTPUT_LOST };

extern const char *const pattern_names[PATTERN_COUNT];
extern const char *const op_names[OP_COUNT];

/* What the kernel says of a TCP socket (facts.c), and what the hints add. Counts in bytes. */
struct facts {
	uint8_t state; /* TCP_ESTABLISHED ... of netinet/tcp.h */
	bool peer_fin; /* the peer's FIN has arrived */
	bool bulk;     /* the peer has sent more than a small request, or answer */
	bool queued;   /* a segment of output or more waits to be sent for the first time */
	bool linger_on;
	int linger_sec;
	bool linger2_negative; /* TCP_LINGER2 < 0: no FIN_WAIT2 without an owner */
	uint64_t unread;       /* received and not read: SIOCINQ, and a lone urgent byte */
	uint64_t unsent;       /* written and not acknowledged: SIOCOUTQ */
	uint64_t notsent;      /* of those, and of the FIN: never sent at all */
	uint64_t written;      /* by the program in all: sent once, and not yet sent */
	uint64_t cookie;       /* SO_COOKIE; 0 if the kernel has none */
	uint32_t data_segs_in;
	uint32_t waiting; /* of a listener: connections in its accept queue */
};

/* What closing the last reference of this socket makes the kernel do. */
enum pattern verdict_close(const struct facts *f, const struct fdrec *rec);

/*
 * What connect(AF_UNSPEC), and shutdown() of a listener's reading side, make it do: of a listener
 * listener-close, else disconnect.
 */
enum pattern verdict_disconnect(const struct facts *f);

/*
 * A clean close before the peer's FIN: data that comes from then on is answered with RST, and
 * output that is under way thrown away (Linux, tcp_rcv_state_process()). Only a risk yet, and taken
 * for one where output is at stake, or where the peer may be in the middle of something: an upload
 * that is refused after its first bytes, a download that is given up; `any`: wherever data may come.
 */
bool verdict_late_risk(const struct facts *f, bool any);

/* Connected, and its FIN has not come. */
bool verdict_peer_may_send(const struct facts *f);

/* Output that is not acknowledged; a FIN is none. */
bool verdict_unacknowledged(const struct facts *f);

/*
 * An error that a call on the socket returned. `writing`: send family, else receive family.
 * `eof`: the program had read the peer's FIN before. `sole`: nobody else could have shut it down.
 */
enum pattern verdict_error(int error, bool writing, bool eof, const struct facts *f,
	const struct fdrec *rec, bool sole);

/* Why linger-0 was set: deliberately for this close, or as a matter of configuration. */
enum intent verdict_intent(const struct facts *f, const struct fdrec *rec);

/* The output that this reset destroys: none where it comes after all of it is acknowledged. */
uint64_t verdict_output_lost(enum pattern pattern, const struct facts *f);

enum harm verdict_harm(enum pattern pattern, const struct facts *f);

/* linger-zero only: does a FIN in place of the RST save anything? */
bool verdict_linger_mendable(const struct facts *f, const struct fdrec *rec);

const char *verdict_state_name(uint8_t state);
const char *verdict_intent_name(enum intent intent); /* NULL for INTENT_NONE */
const char *verdict_harm_name(enum harm harm);

#endif
