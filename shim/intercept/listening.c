/* SPDX-License-Identifier: MIT */
#include "listening.h"

#include "../base/start.h"
#include "../detect/owner.h"
#include "../fix/listener.h"
#include "closing.h"
#include "decide.h"
#include "export.h"
#include "mending.h"

#include <netinet/tcp.h>

/* It is shut down for all who hold it: told whoever that is, mended only where nobody else does. */
static bool mend(int fd, const struct fdrec *rec, struct event *e)
{
	e->outcome = e->why ? OUTCOME_FAILED : OUTCOME_RESET;
	if (!decide_mends(e))
		return false;
	if (!rec->cookie || !owner_sole(fd, rec, e->facts.cookie)) {
		e->outcome = OUTCOME_FAILED;
		e->why = CLOSING_UNPROVEN;
		return false;
	}
	mending_tell_time_wait(fd, e);
	return listener_empty(fd, e);
}

bool listening_shutdown(int fd, int how, const void *caller, int *r)
{
	const struct fdrec *rec = fdhint_record(fd);
	struct event e = {.pattern = PATTERN_LISTENER_CLOSE, .op = OP_SHUTDOWN};
	struct facts f;
	bool held = false;

	if (how == SHUT_WR || rec->role != ROLE_NONE || facts_state(fd) != TCP_LISTEN)
		return false;
	if (!facts_ask(fd, 0, &f) || verdict_disconnect(&f) != PATTERN_LISTENER_CLOSE ||
		!start_busy_enter()) {
		*r = libc_shutdown(fd, how);
		return true;
	}
	if (decide(&e, fd, &f, rec, caller)) {
		held = mend(fd, rec, &e);
		event_tell(&e);
		decide_stop(&e);
	}
	*r = libc_shutdown(fd, how);
	if (held)
		listener_release(fd);
	start_busy_leave();
	return true;
}
