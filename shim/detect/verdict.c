/* SPDX-License-Identifier: MIT */
#include "verdict.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>

#define X(symbol, name) [PATTERN_##symbol] = name,
const char *const pattern_names[PATTERN_COUNT] = {PATTERNS(X)};
#undef X
#define X(symbol, name) [OP_##symbol] = name,
const char *const op_names[OP_COUNT] = {OPERATIONS(X)};
#undef X

/*
 * The states in which tcp_disconnect() sends RST (Linux, tcp_need_reset()); after both FINs only if
 * something was never sent.
 */
static bool disconnect_resets(const struct facts *f)
{
	switch (f->state) {
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT:
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
	case TCP_SYN_RECV:
		return true;
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		return f->notsent > 0;
	default:
		return false;
	}
}

/* The states from which a close comes to FIN_WAIT2: there a negative TCP_LINGER2 resets. */
static bool passes_fin_wait2(uint8_t state)
{
	return state == TCP_ESTABLISHED || state == TCP_SYN_RECV || state == TCP_FIN_WAIT1 ||
		state == TCP_FIN_WAIT2;
}

/* Data came after both sides were shut down. */
static bool data_since_shutdown(const struct facts *f, const struct fdrec *rec)
{
	return (rec->flags & REC_SHUT_RD) && (rec->flags & REC_SHUT_WR) &&
		f->data_segs_in > rec->shut_segs_in;
}

enum pattern verdict_close(const struct facts *f, const struct fdrec *rec)
{
	if (f->state == TCP_CLOSE && data_since_shutdown(f, rec)) /* it was answered with RST */
		return PATTERN_SHUTDOWN_READ;
	if (f->linger_on && f->linger_sec == 0 && disconnect_resets(f))
		return PATTERN_LINGER_ZERO;
	if (f->unread > 0 && f->state != TCP_CLOSE && f->state != TCP_LISTEN) /* or was deferred */
		return data_since_shutdown(f, rec) ? PATTERN_SHUTDOWN_READ : PATTERN_UNREAD_CLOSE;
	if (f->linger2_negative && passes_fin_wait2(f->state))
		return PATTERN_LINGER2_NEGATIVE;
	if (f->state == TCP_LISTEN && f->waiting > 0)
		return PATTERN_LISTENER_CLOSE;
	return PATTERN_NONE;
}

enum pattern verdict_disconnect(const struct facts *f)
{
	if (f->state == TCP_LISTEN)
		return f->waiting > 0 ? PATTERN_LISTENER_CLOSE : PATTERN_NONE;
	return disconnect_resets(f) ? PATTERN_DISCONNECT : PATTERN_NONE;
}

bool verdict_peer_may_send(const struct facts *f)
{
	return f->state == TCP_ESTABLISHED || f->state == TCP_FIN_WAIT1 ||
		f->state == TCP_FIN_WAIT2;
}

bool verdict_late_risk(const struct facts *f, bool any)
{
	if (!verdict_peer_may_send(f))
		return false;
	return any || f->unsent > 0 || f->bulk;
}

/* The peer's RST in CLOSE_WAIT reads as EPIPE: it had closed, and the program has not seen it yet. */
static bool reset_unseen(const struct facts *f, const struct fdrec *rec, bool sole)
{
	return sole && f->state == TCP_CLOSE && (rec->flags & REC_ESTABLISHED);
}

/* The FIN of the program's own half-close counts as a byte, and is no output. */
static uint64_t output(const struct facts *f)
{
	bool fin = f->state == TCP_FIN_WAIT1 || f->state == TCP_CLOSING || f->state == TCP_LAST_ACK;

	return f->unsent - (fin && f->unsent > 0);
}

bool verdict_unacknowledged(const struct facts *f)
{
	return output(f) > 0;
}

enum pattern verdict_error(int error, bool writing, bool eof, const struct facts *f,
	const struct fdrec *rec, bool sole)
{
	bool wrote_after = eof && (writing || (rec->flags & REC_WROTE_AFTER_EOF));

	switch (error) {
	case EPIPE:
		if (rec->flags & REC_SHUT_WR) /* the program's own shutdown */
			return PATTERN_NONE;
		if (eof) /* read by SO_ERROR it is an earlier write's */
			return wrote_after ? PATTERN_WRITE_AFTER_CLOSE : PATTERN_NONE;
		return reset_unseen(f, rec, sole) ? PATTERN_PEER_RESET : PATTERN_NONE;
	case ECONNRESET:
		return wrote_after ? PATTERN_WRITE_AFTER_CLOSE : PATTERN_PEER_RESET;
	case ECONNREFUSED:
		return PATTERN_CONNECT_REFUSED;
	case ETIMEDOUT:
		return rec->flags & REC_ESTABLISHED ? PATTERN_TIMED_OUT : PATTERN_NONE;
	default:
		return PATTERN_NONE;
	}
}

enum intent verdict_intent(const struct facts *f, const struct fdrec *rec)
{
	if (!f->linger_on || f->linger_sec != 0)
		return INTENT_NONE;
	if ((rec->flags & REC_ARMED) && rec->cookie == f->cookie) {
		if (rec->flags & (REC_READ_SINCE | REC_SHUT_WR))
			return INTENT_CONFIG;
		return f->written == rec->armed_written ? INTENT_ABORT : INTENT_CONFIG;
	}
	return rec->flags & REC_ARMED_LISTENER ? INTENT_CONFIG : INTENT_UNKNOWN;
}

uint64_t verdict_output_lost(enum pattern pattern, const struct facts *f)
{
	return pattern == PATTERN_LINGER2_NEGATIVE ? 0 : output(f);
}

enum harm verdict_harm(enum pattern pattern, const struct facts *f)
{
	if (verdict_output_lost(pattern, f) > 0)
		return HARM_OUTPUT_LOST;
	return f->peer_fin ? HARM_QUIET : HARM_RESET_SEEN;
}

bool verdict_linger_mendable(const struct facts *f, const struct fdrec *rec)
{
	enum harm harm = verdict_harm(PATTERN_LINGER_ZERO, f);

	return rec->role == ROLE_SERVER ? harm != HARM_QUIET : harm == HARM_OUTPUT_LOST;
}

const char *verdict_state_name(uint8_t state)
{
	static const char *const names[] = {
		[0] = "UNKNOWN",
		[TCP_ESTABLISHED] = "ESTABLISHED",
		[TCP_SYN_SENT] = "SYN_SENT",
		[TCP_SYN_RECV] = "SYN_RECV",
		[TCP_FIN_WAIT1] = "FIN_WAIT1",
		[TCP_FIN_WAIT2] = "FIN_WAIT2",
		[TCP_TIME_WAIT] = "TIME_WAIT",
		[TCP_CLOSE] = "CLOSE",
		[TCP_CLOSE_WAIT] = "CLOSE_WAIT",
		[TCP_LAST_ACK] = "LAST_ACK",
		[TCP_LISTEN] = "LISTEN",
		[TCP_CLOSING] = "CLOSING",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : names[0];
}

const char *verdict_intent_name(enum intent intent)
{
	static const char *const names[] = {
		[INTENT_UNKNOWN] = "unknown", [INTENT_CONFIG] = "config", [INTENT_ABORT] = "abort"};

	return names[intent];
}

const char *verdict_harm_name(enum harm harm)
{
	static const char *const names[] = {[HARM_QUIET] = "quiet",
		[HARM_RESET_SEEN] = "reset-seen",
		[HARM_OUTPUT_LOST] = "output-lost"};

	return names[harm];
}
