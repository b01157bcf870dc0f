/* SPDX-License-Identifier: MIT */
#include "reaper.h"

#include "../base/helper.h"
#include "../base/start.h"
#include "../base/sys.h"
#include "../log/sink.h"
#include "linger.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

/* Half of what the channel holds came within a tick: a shorter one then. */
#define BUSY 80

#define TICK_BUSY_MS 1U
#define TICK_MS	     5U

/* How much of what is delivered already makes room at once, when there is none. */
#define EVICT_SHARE 8

/* Descriptors that the reaper needs besides the sockets. */
#define OWN_FDS 16

struct slot {
	uint32_t next, prev; /* by age, in a ring through slot 0, which holds no socket */
	int fd;
	bool input;			      /* it is still read */
	bool room_seen;			      /* at the last tick, while it is to be half-closed */
	uint32_t start_ms, last_ms, asked_ms; /* last progress; when unsent was asked for */
	uint64_t unsent, drained;
	struct parcel parcel;
};

static struct slot *slots; /* slots[0]: head of the ring; free ones are chained by next */
static uint32_t size, unused, active;
static int offering; /* the thread that waits for that */
static uint64_t offered_cookie;
static int offered = -1; /* a channel's end in the program's table, to be fetched */
static int channel = -1, epoll;

static struct {
	long number, a, b, c, result;
	uint32_t pending; /* futex */
} call;

static uint32_t wake; /* futex */
static uint32_t sleeping, settling, settle_until;

bool reaper_prepare(uint32_t sockets)
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

static void wake_up(void)
{
	__atomic_add_fetch(&wake, 1, __ATOMIC_SEQ_CST);
	sys4(SYS_futex, &wake, FUTEX_WAKE_PRIVATE, 1, 0);
}

void reaper_notice(void)
{
	if (__atomic_exchange_n(&sleeping, 0, __ATOMIC_SEQ_CST))
		wake_up();
}

void reaper_settle(uint32_t until_ms)
{
	__atomic_store_n(&settle_until, until_ms, __ATOMIC_SEQ_CST);
	__atomic_store_n(&settling, 1, __ATOMIC_SEQ_CST);
	wake_up();
}

/* The slots, all free but the head. Those never used are not touched: they cost no memory. */
static uint32_t untouched;

static uint32_t slot_take(void)
{
	uint32_t i = unused;

	if (i) {
		unused = slots[i].next;
		return i;
	}
	return untouched < size ? ++untouched : 0;
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

/* The last reference goes: what the kernel does now is what the outcome says. */
static void end(uint32_t i, enum outcome outcome, const char *why)
{
	struct slot *s = &slots[i];
	struct event *e = &s->parcel.event;

	if (e->tentative && s->drained > 0)
		event_confirm(e, s->fd);
	/* A child forked in another thread may hold the file: its registration would outlive this. */
	sys4(SYS_epoll_ctl, epoll, EPOLL_CTL_DEL, s->fd, 0);
	sys1(SYS_close, s->fd);
	s->fd = -1;
	e->outcome = outcome;
	e->why = why;
	e->mended = true;
	e->drained += s->drained;
	e->duration_ms = start_now_ms() - s->start_ms;
	if (!e->tentative) /* else nothing came, and nothing was to be mended */
		event_tell(e);
	slot_free(i);
}

static void read_no_more(struct slot *s)
{
	s->input = false;
	sys4(SYS_epoll_ctl, epoll, EPOLL_CTL_DEL, s->fd, 0);
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

/*
 * A limit was hit, or the program ends. Once the FIN is acknowledged, all before it is in the peer's
 * kernel. What came since the last look would make this close a reset.
 */
static void end_now(uint32_t i)
{
	struct slot *s = &slots[i];

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
	n = discard(s, now);

	if (n == 0 && drain_peer_fin(s->fd)) {
		end(i, OUTCOME_AVERTED, NULL);
	} else if (drain_was_reset(n)) {
		end(i, OUTCOME_FAILED, "the peer reset the connection");
	} else if (n <= 0 && n != -EAGAIN && n != -EINTR) { /* the reading side is shut already */
		read_no_more(s);
	}
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

/*
 * Room at two ticks running: a thread that stood in a write would have filled it. Until then the
 * writing side stays open, for its sake.
 */
static void half_close_later(struct slot *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLOUT};
	struct timespec now = {0, 0};
	bool room = sys5(SYS_ppoll, &p, 1, &now, 0, 0) == 1;

	if (room && s->room_seen) {
		drain_half_close(s->fd);
		s->parcel.half_close = false;
	}
	s->room_seen = room;
}

static bool limit_hit(struct slot *s, uint32_t now)
{
	const struct drain_bounds *b = &s->parcel.bounds;

	if (now - s->start_ms >= b->total_ms)
		return true;
	look_at_output(s, now);
	return now - s->last_ms >= b->idle_ms;
}

/* What is not read any more is over when its output is acknowledged. */
static void look_at_limits(uint32_t now)
{
	uint32_t i, next;

	for (i = slots[0].next; i; i = next) {
		struct slot *s = &slots[i];

		next = s->next;
		if (s->parcel.half_close)
			half_close_later(s);
		if (limit_hit(s, now))
			end_now(i);
		else if (!s->input && !s->parcel.half_close && facts_unsent(s->fd) == 0)
			end(i,
				drain_peer_fin(s->fd) && s->drained < s->parcel.bounds.bytes
					? OUTCOME_AVERTED
					: OUTCOME_DELIVERED,
				NULL);
	}
}

/* The delivered ones go first, oldest first; if there is none, the oldest. */
static void make_room(void)
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

static uint32_t room_for(void)
{
	struct {
		uint64_t soft, hard;
	} lim = {0, 0};

	sys4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &lim);
	if (lim.soft <= OWN_FDS)
		return 1;
	return lim.soft - OWN_FDS < size ? (uint32_t)lim.soft - OWN_FDS : size;
}

/* The descriptor that came with it; -1: none could be had. */
static int receive(struct parcel *p, long *n)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {p, sizeof(*p)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	int fd = -1;

	*n = sys3(SYS_recvmsg, channel, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (*n == (long)sizeof(*p) && msg.msg_controllen >= CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return fd;
}

static void adopt(uint32_t i, int fd, uint32_t now)
{
	struct slot *s = &slots[i];
	/* A lone urgent byte is no input to epoll, and resets the close all the same. */
	struct epoll_event ev = {.events = EPOLLIN | EPOLLPRI, .data.u32 = i};

	s->fd = fd;
	s->start_ms = s->last_ms = s->asked_ms = now;
	s->unsent = s->parcel.event.facts.unsent + 1; /* and the FIN */
	s->drained = 0;
	s->input = true;
	s->room_seen = false;
	slot_link(i);
	drain_expect_any(fd);
	sys4(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, fd, &ev);
}

/* The program's end is closed: a new one may come. */
static void lose_channel(long n)
{
	if (n == -EAGAIN || n == -EINTR)
		return;
	sys1(SYS_close, channel);
	channel = -1;
}

/* Takes what the program has handed over. Returns how many. */
static unsigned take_all(uint32_t now)
{
	uint32_t most, i;
	unsigned taken = 0;
	long n;
	int fd;

	if (channel < 0)
		return 0;
	most = room_for();
	for (;;) {
		if (active >= most)
			make_room();
		i = slot_take();
		fd = receive(&slots[i].parcel, &n);
		if (fd < 0) {
			slots[i].next = unused;
			unused = i;
			if (n <= 0) {
				lose_channel(n);
				return taken;
			}
			sink_lose(); /* the kernel has closed what it could not give us */
			continue;
		}
		adopt(i, fd, now);
		taken++;
	}
}

static void look_at_ready(uint32_t now)
{
	struct epoll_event ev[64];
	long n, k;

	do {
		n = sys6(SYS_epoll_pwait, epoll, (long)ev, 64, 0, 0, 8);
		for (k = 0; k < n; k++)
			look(ev[k].data.u32, now);
	} while (n == 64);
}

/* Nothing but output is waited for. */
static void settle(uint32_t now)
{
	bool late = (int32_t)(now - __atomic_load_n(&settle_until, __ATOMIC_SEQ_CST)) >= 0;
	uint32_t i, next;

	for (i = slots[0].next; i; i = next) {
		next = slots[i].next;
		if (late || facts_unsent(slots[i].fd) == 0)
			end_now(i);
	}
}

static void rest(uint32_t seen, uint32_t ms)
{
	struct timespec ts = {0, (long)ms * 1000000};

	sys4(SYS_futex, &wake, FUTEX_WAIT_PRIVATE, seen, ms ? &ts : NULL);
}

/* Announced before the last look, so that what comes after that look wakes it up. */
static void sleep_for_ever(uint32_t seen)
{
	__atomic_store_n(&sleeping, 1, __ATOMIC_SEQ_CST);
	if (take_all(start_now_ms()) == 0 && !__atomic_load_n(&settling, __ATOMIC_SEQ_CST))
		rest(seen, 0);
	__atomic_store_n(&sleeping, 0, __ATOMIC_SEQ_CST);
}

static void begin(void)
{
	memset(&slots[0], 0, sizeof(slots[0]));
	unused = untouched = active = 0;
	channel = -1;
	epoll = (int)sys1(SYS_epoll_create1, EPOLL_CLOEXEC);
	sink_helper_began();
}

static void fetch_channel(void)
{
	int fd = __atomic_load_n(&offered, __ATOMIC_SEQ_CST);

	if (fd < 0 || channel >= 0)
		return;
	channel = helper_borrow(fd, offering);
	/* Between the look and the loan that number may have become another's. */
	if (channel >= 0 && facts_cookie(channel) != offered_cookie) {
		sys1(SYS_close, channel);
		channel = -1;
	}
	__atomic_store_n(&offered, channel >= 0 ? -1 : -2, __ATOMIC_SEQ_CST);
	sys4(SYS_futex, &offered, FUTEX_WAKE_PRIVATE, 1, 0);
}

static void make_call(void)
{
	if (!__atomic_load_n(&call.pending, __ATOMIC_SEQ_CST))
		return;
	call.result = sys3(call.number, call.a, call.b, call.c);
	__atomic_store_n(&call.pending, 0, __ATOMIC_SEQ_CST);
	sys4(SYS_futex, &call.pending, FUTEX_WAKE_PRIVATE, 1, 0);
}

/* Nobody can send any more from here on; what was sent before is still taken. */
static bool finished(void)
{
	if (active)
		return false;
	if (channel < 0)
		return true;
	sys2(SYS_shutdown, channel, SHUT_RD);
	take_all(start_now_ms());
	return active == 0;
}

static int run(void)
{
	uint32_t now, seen;
	unsigned taken;

	begin();
	for (;;) {
		seen = __atomic_load_n(&wake, __ATOMIC_SEQ_CST);
		now = start_now_ms();
		fetch_channel();
		make_call();
		taken = take_all(now);
		look_at_ready(now);
		look_at_limits(now);
		if (__atomic_load_n(&settling, __ATOMIC_SEQ_CST)) {
			settle(now);
			if (finished())
				return 0;
			rest(seen, 1);
		} else if (active == 0) {
			sleep_for_ever(seen);
		} else {
			rest(seen, taken > BUSY ? TICK_BUSY_MS : TICK_MS);
		}
	}
}

bool reaper_channel(int fd)
{
	struct timespec ts = {0, 10000000};
	unsigned tries;

	/* One that settles takes no channel any more. */
	if (helper_running() && __atomic_load_n(&settling, __ATOMIC_SEQ_CST))
		helper_await_end(self.opt.exit_ms + 1000);
	offering = (int)sys0(SYS_gettid);
	offered_cookie = facts_cookie(fd);
	__atomic_store_n(&offered, fd, __ATOMIC_SEQ_CST);
	if (!helper_running()) {
		sleeping = settling = 0;
		if (!helper_start(run))
			return false;
	}
	wake_up();
	for (tries = 0; tries < 20 && __atomic_load_n(&offered, __ATOMIC_SEQ_CST) == fd; tries++)
		sys4(SYS_futex, &offered, FUTEX_WAIT_PRIVATE, fd, &ts);
	return __atomic_exchange_n(&offered, -1, __ATOMIC_SEQ_CST) == -1;
}

bool reaper_call(long number, long a, long b, long c)
{
	struct timespec ts = {0, 10000000};
	unsigned tries;

	call.number = number;
	call.a = a;
	call.b = b;
	call.c = c;
	__atomic_store_n(&call.pending, 1, __ATOMIC_SEQ_CST);
	wake_up();
	for (tries = 0; tries < 20 && __atomic_load_n(&call.pending, __ATOMIC_SEQ_CST); tries++)
		sys4(SYS_futex, &call.pending, FUTEX_WAIT_PRIVATE, 1, &ts);
	return !__atomic_exchange_n(&call.pending, 0, __ATOMIC_SEQ_CST) && call.result == 0;
}

void reaper_forked(void)
{
	call.pending = 0;
	offered = -1;
	sleeping = settling = 0;
}
