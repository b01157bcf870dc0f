/* SPDX-License-Identifier: MIT */
#include "disconnect.h"

#include "../base/start.h"
#include "decide.h"
#include "shutdown.h"

#include <string.h>

void disconnect_look(struct disconnect *d, int fd)
{
	memset(&d->event, 0, sizeof(d->event));
	if (!start_ready() || !facts_ask(fd, 0, &d->facts))
		return;
	d->event.pattern = verdict_disconnect(&d->facts);
	if (d->event.pattern != PATTERN_NONE) /* afterwards the socket has forgotten them */
		event_addresses(&d->event, fd, fdhint_record(fd));
}

static void tell(struct disconnect *d, int fd, const struct fdrec *rec, const void *caller)
{
	struct event *e = &d->event;

	e->op = OP_CONNECT;
	if (!decide(e, fd, &d->facts, rec, caller))
		return;
	if (decide_mends(e)) /* of a listener: no connect() is held up for that */
		e->why = "connect() to AF_UNSPEC has no mend";
	e->outcome = e->why ? OUTCOME_FAILED : OUTCOME_RESET;
	event_tell(e);
	decide_stop(e);
}

/* The socket is as new, but for its options: a connect() may follow. */
static void begin_anew(int fd, struct fdrec *rec)
{
	bool shut = rec->flags & REC_SHUT_BOTH;

	rec->flags &= ~(uint32_t)(REC_READ_SINCE | REC_SHUT_RD | REC_SHUT_WR | REC_WROTE_AFTER_EOF |
		REC_TOLD | REC_ESTABLISHED | REC_LISTENS);
	rec->role = ROLE_NONE;
	rec->armed_written = 0;
	if (shut)
		shutdown_share(fd);
	memset(&rec->peer, 0, sizeof(rec->peer));
	fdhint_unset(fd, HINT_EOF);
	if (rec->flags & REC_ARMED)
		fdhint_set(fd, HINT_ARMED);
}

void disconnect_tell(struct disconnect *d, int fd, const void *caller)
{
	struct fdrec *rec = fdhint_record(fd);

	if (d->event.pattern != PATTERN_NONE && start_busy_enter()) {
		tell(d, fd, rec, caller);
		start_busy_leave();
	}
	begin_anew(fd, rec);
}
