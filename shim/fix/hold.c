/* SPDX-License-Identifier: MIT */
#include "hold.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "../detect/owner.h"
#include "../log/sink.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <time.h>

/* After that long it is closed, whatever else keeps start_busy(). */
#define CLOSED_MS 50U

/* How seldom it is looked at: acknowledgements wake nobody up, and take their time. */
#define LOOK_MS 100U

/*
 * Looks running at which there is input: by then a thread that stood in a read would have taken it. No
 * time, which passes while the process is stopped.
 */
#define UNREAD_LOOKS 10

/* What is queued is asked first: what is acknowledged in between makes it later, not too early. */
void hold_begin(struct hold *h, int fd, const struct fdrec *rec)
{
	uint64_t queued = facts_unsent(fd);

	*h = (struct hold){.own = (rec->flags & REC_MADE) && (rec->flags & REC_SHARED)};
	facts_acked(fd, &h->acked);
	h->until = h->acked + queued + !queued;
}

enum hold_state hold_look(struct hold *h, int fd)
{
	if (facts_unsent(fd) == 0)
		return HOLD_OVER;
	if (facts_acked(fd, &h->acked) == TCP_CLOSE)
		return HOLD_RESET;
	if (h->acked >= h->until)
		return HOLD_OVER;
	return facts_corked(fd) ? HOLD_CORKED : HOLD_WAITS;
}

bool hold_due(struct hold *h, uint32_t ms, uint32_t since_ms)
{
	h->closed |= ms >= CLOSED_MS || !start_busy();
	return h->closed && (since_ms >= LOOK_MS || since_ms >= ms / 4);
}

bool hold_unread(struct hold *h, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN}; /* not what SO_RCVLOWAT holds back */
	struct timespec now = {0, 0};

	if (!h->in_use)
		return false;
	sys5(SYS_ppoll, &p, 1, &now, 0, 0);
	h->unread = p.revents & POLLIN ? h->unread + 1 : 0;
	return h->unread >= UNREAD_LOOKS;
}

static void ended(struct event *e, enum hold_state state)
{
	switch (state) {
	case HOLD_OVER:
		e->outcome = OUTCOME_DELIVERED;
		e->why = "held until all output was acknowledged, then closed as it was";
		break;
	case HOLD_CORKED:
		e->outcome = OUTCOME_EXPIRED;
		e->why = "the program holds the rest back until it closes";
		break;
	case HOLD_RESET:
		e->outcome = OUTCOME_FAILED;
		e->why = "the peer reset the connection";
		break;
	case HOLD_WAITS:
		e->outcome = OUTCOME_EXPIRED;
		e->why = NULL;
	}
	e->mended = true;
}

void hold_end(const struct hold *h, int fd, struct event *e, enum hold_state state)
{
	int watch = owner_watch(fd);
	struct facts f = {.state = TCP_CLOSE};
	enum owner_answer answer = OWNER_UNKNOWN;
	bool taken;

	facts_ask(fd, 0, &f);
	taken = e->pattern == PATTERN_UNREAD_CLOSE && f.state != TCP_CLOSE && f.unread == 0;
	if (e->tentative && f.unread > 0)
		event_confirm(e, fd);
	ended(e, state);
	sys1(SYS_close, fd);
	if (watch >= 0)
		answer = owner_still_held(watch, fd);
	if (answer == OWNER_UNKNOWN) {
		sink_lose();
		return;
	}
	if (answer == OWNER_HELD) {
		if (!h->own || e->tentative)
			return;
		e->outcome = OUTCOME_SHARED;
		e->why = NULL;
		e->mended = false;
	} else if (taken) {
		return;
	}
	if (e->tentative) /* nothing came, and nothing was to be mended */
		event_risk(e);
	else
		event_tell(e);
}
