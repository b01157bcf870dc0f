/* SPDX-License-Identifier: MIT */
#include "slots.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "../detect/in_flight.h"
#include "trim.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

/* How much of what is delivered already makes room at once, when there is none. */
#define EVICT_SHARE 8

struct slot {
	uint32_t next, prev; /* by age, in a ring through slot 0, which holds no socket */
	int fd;
	bool input;			      /* it is still read */
	bool awaited;			      /* by epoll */
	bool room_seen;			      /* at the last tick, while it is to be half-closed */
	uint32_t start_ms, last_ms, asked_ms; /* last progress; when unsent was asked for */
	uint64_t unsent, drained;
	struct trim_watch trim;
	struct parcel parcel;
};

static struct slot *slots; /* slots[0]: head of the ring; free ones are chained by next */
static uint32_t size, unused, active, untouched; /* from there on never used, and without memory */
static int epoll;

bool slots_prepare(uint32_t sockets)
{
	long p;

	if (slots)
		return true;
	p = sys6(SYS_mmap, 0, (long)((sockets + 1UL) * sizeof(*slots)), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p < 0 && p > -4096)
		return false;
	slots = (struct slot *)p;
	size = sockets;
	return true;
}

uint32_t slots_take(void)
{
	uint32_t i = unused;

	if (i) {
		unused = slots[i].next;
		return i;
	}
	return untouched < size ? ++untouched : 0;
}

void slots_begin(void)
{
	memset(&slots[0], 0, sizeof(slots[0]));
	unused = untouched = active = 0;
	epoll = (int)sys1(SYS_epoll_create1, EPOLL_CLOEXEC);
}

uint32_t slots_active(void)
{
	return active;
}

struct parcel *slots_parcel(uint32_t i)
{
	return &slots[i].parcel;
}

void slots_put_back(uint32_t i)
{
	slots[i].next = unused;
	unused = i;
}

static void slot_link(uint32_t i)
{
	struct slot *s = &slots[i];

	s->next = 0;
	s->prev = slots[0].prev;
	slots[s->prev].next = i;
	slots[0].prev = i;
	active++;
}

static void slot_free(uint32_t i)
{
	struct slot *s = &slots[i];

	slots[s->prev].next = s->next;
	slots[s->next].prev = s->prev;
	s->next = unused;
	unused = i;
	active--;
}

static void await_no_more(struct slot *s)
{
	if (s->awaited)
		sys4(SYS_epoll_ctl, epoll, EPOLL_CTL_DEL, s->fd, 0);
	s->awaited = false;
}

/* The last reference goes: what the kernel does now is what the outcome says. */
static void end(uint32_t i, enum outcome outcome, const char *why)
{
	struct slot *s = &slots[i];
	struct event *e = &s->parcel.event;

	if (e->tentative && !s->parcel.told &&
		(s->drained > 0 || trim_answered(&s->trim, s->fd, e->facts.data_segs_in)))
		event_confirm(e, s->fd);
	trim_end(&s->trim, s->fd);
	/* A child forked in another thread may hold the file: its registration would outlive this. */
	await_no_more(s);
	sys1(SYS_close, s->fd);
	s->fd = -1;
	e->outcome = outcome;
	e->why = why;
	e->mended = true;
	e->drained += s->drained;
	e->duration_ms = start_now_ms() - s->start_ms;
	if (e->tentative) /* nothing came, and nothing was to be mended */
		event_risk(e);
	else if (!s->parcel.told)
		event_tell(e);
	slot_free(i);
}

/*
 * The close that the program has made before: nothing changes by it, but for a socket that got data
 * just before its reading side was shut, which it resets. An event only if it came true.
 */
static void end_watched(uint32_t i, bool reset)
{
	struct slot *s = &slots[i];
	struct event *e = &s->parcel.event;

	if (reset)
		event_confirm(e, s->fd);
	await_no_more(s);
	sys1(SYS_close, s->fd);
	s->fd = -1;
	e->outcome = OUTCOME_RESET;
	if (reset)
		event_tell(e);
	slot_free(i);
}

/* The state first: it may be closed meanwhile. The other is asked once, for that takes the error away. */
static void look_at_watched(uint32_t i, bool last)
{
	struct slot *s = &slots[i];
	bool over = last || facts_state(s->fd) == TCP_CLOSE;
	bool reset = facts_reset_since(s->fd, s->parcel.event.facts.data_segs_in);

	if (over || reset)
		end_watched(i, reset);
}

static void read_no_more(struct slot *s)
{
	s->input = false;
	await_no_more(s);
}

/* Reads what there is, for a few turns: an upload without end must not keep the others waiting. */
static long discard(struct slot *s, uint32_t now)
{
	unsigned turns = 16;
	long n = -EAGAIN;

	while (s->input && turns--) {
		if (s->drained >= s->parcel.bounds.bytes) {
			read_no_more(s);
			break;
		}
		n = drain_discard(s->fd, s->parcel.bounds.bytes - s->drained);
		if (n <= 0)
			break;
		s->drained += (uint64_t)n;
		s->last_ms = now;
	}
	return n;
}

static void end_held(uint32_t i, enum hold_state state)
{
	struct slot *s = &slots[i];

	s->parcel.event.duration_ms = start_now_ms() - s->start_ms;
	hold_end(&s->parcel.hold, s->fd, &s->parcel.event, state);
	s->fd = -1;
	slot_free(i);
}

/*
 * A limit, or the program's end. Once the FIN is acknowledged, all before it is in the peer's kernel. What
 * came since the last look would make this close a reset, as a lone urgent byte, no input to epoll, would.
 */
static void end_now(uint32_t i)
{
	struct slot *s = &slots[i];

	if (s->parcel.watched) {
		look_at_watched(i, true);
		return;
	}
	if (s->parcel.hold.until) {
		end_held(i, hold_look(&s->parcel.hold, s->fd));
		return;
	}
	discard(s, s->last_ms);
	end(i, facts_unsent(s->fd) == 0 ? OUTCOME_DELIVERED : OUTCOME_EXPIRED, NULL);
}

/* Slot i may be free afterwards. */
static void look(uint32_t i, uint32_t now)
{
	struct slot *s = &slots[i];
	long n;

	if (s->fd < 0)
		return;
	if (s->parcel.watched) {
		look_at_watched(i, false);
		return;
	}
	n = discard(s, now);
	if (n == 0 && drain_peer_fin(s->fd)) {
		end(i, OUTCOME_AVERTED, NULL);
	} else if (drain_was_reset(n)) {
		end(i, OUTCOME_FAILED, "the peer reset the connection");
	} else if (n <= 0 && n != -EAGAIN && n != -EINTR) { /* the reading side is shut already */
		read_no_more(s);
	}
}

static void take_up(uint32_t i, uint32_t now)
{
	struct slot *s = &slots[i];
	/* A watched one is always readable: told once, and at each change. */
	struct epoll_event ev = {.events = s->parcel.watched ? EPOLLET : EPOLLIN, .data.u32 = i};

	look(i, now);
	if (s->fd < 0 || (!s->input && !s->parcel.watched))
		return;
	drain_expect_any(s->fd);
	s->awaited = sys4(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, s->fd, &ev) == 0;
}

/* Acknowledged output is progress as well; it is asked for a few times within the limit only. */
static void look_at_output(struct slot *s, uint32_t now)
{
	uint64_t unsent;

	if (now - s->asked_ms < s->parcel.bounds.idle_ms / 8)
		return;
	unsent = facts_unsent(s->fd);
	if (unsent < s->unsent)
		s->last_ms = now;
	s->unsent = unsent;
	s->asked_ms = now;
}

/* Room at two ticks running: a thread in a write would have filled it, one in a splice is known. */
static void half_close_later(struct slot *s)
{
	bool writes = s->parcel.writer && in_flight_writes(s->parcel.writer);
	bool room = !writes && drain_has_room(s->fd);

	if (room && s->room_seen) {
		drain_half_close(s->fd);
		s->parcel.half_close = false;
	}
	s->room_seen = room;
}

static bool limit_hit(struct slot *s, uint32_t now)
{
	const struct drain_bounds *b = &s->parcel.bounds;

	look_at_output(s, now);
	return now - s->start_ms >= b->total_ms || now - s->last_ms >= b->idle_ms;
}

/* What nobody reads is drained from then on as any other, for a peer that sends before it reads. */
static void look_at_held(uint32_t i, uint32_t now)
{
	struct slot *s = &slots[i];
	struct hold *h = &s->parcel.hold;
	uint64_t acked = h->acked;
	enum hold_state state;

	if (!hold_due(h, now - s->start_ms, now - s->asked_ms))
		return;
	state = hold_look(h, s->fd);
	s->asked_ms = now;
	if (h->acked != acked)
		s->last_ms = now;
	if (state != HOLD_WAITS || limit_hit(s, now)) {
		end_held(i, state);
	} else if (hold_unread(h, s->fd)) {
		h->until = 0;
		s->parcel.half_close = s->input = true;
		take_up(i, now);
	}
}

/* What is not read any more is over when its output is acknowledged. */
void slots_look_at_limits(uint32_t now)
{
	uint32_t i, next;

	for (i = slots[0].next; i; i = next) {
		struct slot *s = &slots[i];

		next = s->next;
		if (s->parcel.half_close)
			half_close_later(s);
		trim_look(&s->trim, s->fd, now);
		if (s->parcel.hold.until)
			look_at_held(i, now);
		else if (limit_hit(s, now) || (s->trim.off && facts_state(s->fd) == TCP_CLOSE))
			end_now(i);
		else if (s->parcel.watched)
			continue;
		else if (!s->input && !s->parcel.half_close && facts_unsent(s->fd) == 0)
			end(i,
				drain_peer_fin(s->fd) && s->drained < s->parcel.bounds.bytes
					? OUTCOME_AVERTED
					: OUTCOME_DELIVERED,
				NULL);
	}
}

/* The delivered ones go first, oldest first; if there is none, the oldest. */
void slots_make_room(void)
{
	uint32_t i, next, most = active / EVICT_SHARE + 1;

	for (i = slots[0].next; i && most; i = next) {
		next = slots[i].next;
		if (facts_unsent(slots[i].fd) == 0) {
			end_now(i);
			most--;
		}
	}
	if (active && most == active / EVICT_SHARE + 1)
		end_now(slots[0].next);
}

/* Most peers have answered by the time that the reaper comes to look: those are over at once. */
void slots_adopt(uint32_t i, int fd, uint32_t now)
{
	struct slot *s = &slots[i];

	s->fd = fd;
	s->start_ms = s->last_ms = s->asked_ms = now;
	s->unsent = s->parcel.event.facts.unsent + 1; /* and the FIN */
	trim_watch(&s->trim, s->parcel.trimmed, now);
	s->drained = 0;
	s->input = !s->parcel.watched && !s->parcel.hold.until;
	s->awaited = s->room_seen = false;
	slot_link(i);
	if (!s->parcel.hold.until)
		take_up(i, now);
}

void slots_look_at_ready(uint32_t now)
{
	struct epoll_event ev[64];
	long n, k;

	do {
		n = sys6(SYS_epoll_pwait, epoll, (long)ev, 64, 0, 0, 8);
		for (k = 0; k < n; k++)
			look(ev[k].data.u32, now);
	} while (n == 64);
}

void slots_settle(bool late)
{
	uint32_t i, next;

	for (i = slots[0].next; i; i = next) {
		next = slots[i].next;
		if (late || (!slots[i].parcel.hold.until && facts_unsent(slots[i].fd) == 0))
			end_now(i);
	}
}
