/* SPDX-License-Identifier: MIT */
#include "closes.h"

#include "../base/start.h"

void closes_tell(enum pattern pattern, enum op op, int fd, const struct facts *f,
	const struct fdrec *rec, const void *caller)
{
	struct event e = {
		.pattern = pattern, .op = op, .fd = fd, .facts = *f, .role = (enum role)rec->role};

	if ((pattern == PATTERN_NONE && !verdict_peer_may_send(f)) || !start_busy_enter())
		return;
	e.age_ms = rec->made_ms ? (int64_t)(start_now_ms() - rec->made_ms) : -1;
	e.netns = facts_netns_cookie(fd);
	event_addresses(&e, fd, rec);
	e.site = event_callsite(op, caller);
	event_close(&e);
	start_busy_leave();
}
