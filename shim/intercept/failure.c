/* SPDX-License-Identifier: MIT */
#include "failure.h"

#include "../base/start.h"
#include "../detect/owner.h"
#include "decide.h"

#include <errno.h>
#include <netinet/tcp.h>

static void tell(int fd, enum pattern pattern, bool writing, enum op op, const void *caller,
	const struct facts *f, struct fdrec *rec)
{
	struct event e = {
		.pattern = pattern,
		.op = op,
		.outcome = OUTCOME_SEEN,
		.direction = writing ? "write" : "read",
	};

	if (!start_busy_enter())
		return;
	rec->flags |= REC_TOLD;
	if (!decide(&e, fd, f, rec, caller)) {
		start_busy_leave();
		return;
	}
	if (pattern == PATTERN_WRITE_AFTER_CLOSE) {
		e.armed_site = rec->eof_write_site;
		e.armed_op = OP_WRITE;
	}
	event_tell(&e);
	decide_stop(&e);
	start_busy_leave();
}

static bool is_candidate(int error)
{
	return error == ECONNRESET || error == EPIPE || error == ECONNREFUSED || error == ETIMEDOUT;
}

void failure_tell(int fd, int error, bool writing, enum op op, const void *caller)
{
	unsigned hint = fdhint_get(fd);
	enum pattern pattern;
	struct fdrec *rec;
	struct facts f;

	if (!is_candidate(error) || !(hint & HINT_STREAM) || !start_ready())
		return;
	rec = fdhint_record(fd);
	if ((rec->flags & REC_TOLD) || !facts_ask(fd, 0, &f))
		return;
	/*
	 * What has failed so is closed. Else the number was closed while another thread stood in the call,
	 * and is another socket's by now. An MPTCP socket outlives a connection of its.
	 */
	if (f.state != TCP_CLOSE && !(rec->flags & REC_MPTCP))
		return;
	/* A connect() that went on in the background: its handshake is all that was acknowledged. */
	if (f.written > 0 || f.data_segs_in > 0)
		rec->flags |= REC_ESTABLISHED;
	pattern = verdict_error(error, writing, hint & HINT_EOF, &f, rec,
		error == EPIPE && owner_sole(fd, rec, f.cookie));
	if (pattern == PATTERN_CONNECT_REFUSED)
		f.unsent = 0; /* what its sequence numbers are left at */
	if (pattern != PATTERN_NONE)
		tell(fd, pattern, writing, op, caller, &f, rec);
}

void failure_before_write(int fd, enum op op, const void *caller)
{
	struct fdrec *rec;
	struct facts f;

	if (!(fdhint_get(fd) & HINT_STREAM) || !start_ready())
		return;
	rec = fdhint_record(fd);
	if (!(rec->flags & REC_WROTE_AFTER_EOF)) {
		/* MPTCP has an end of its own, of which the segments' states say nothing. */
		if (!(rec->flags & REC_MPTCP) && !facts_peer_fin(fd)) {
			fdhint_unset(fd, HINT_EOF);
			return;
		}
		rec->flags |= REC_WROTE_AFTER_EOF;
		rec->eof_write_site = (uint16_t)event_callsite(op, caller);
		return;
	}
	if ((rec->flags & (REC_TOLD | REC_SHUT_WR)) || facts_state(fd) != TCP_CLOSE)
		return;
	if (facts_ask(fd, 0, &f))
		tell(fd, PATTERN_WRITE_AFTER_CLOSE, true, op, caller, &f, rec);
}
