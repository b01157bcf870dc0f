/* SPDX-License-Identifier: MIT */
#include "reaper.h"

#include "../base/helper.h"
#include "../base/start.h"
#include "../base/sys.h"
#include "../log/sink.h"
#include "deferred.h"
#include "slots.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

/* Half of what the channel holds came within a tick: a shorter one then. */
#define BUSY 80

#define TICK_BUSY_MS 1U
#define TICK_MS	     5U

/* Ticks with nothing to do before it sleeps for ever: waking it up costs a close as much as the rest. */
#define QUIET_TICKS 20

/* Descriptors that the reaper needs besides the sockets. */
#define OWN_FDS 16

/* A number in the program's table, to be fetched: a channel's end, or a socket with its parcel. */
enum { NONE = -1, REFUSED = -2, TAKING = -3 };

static int offered = NONE;
static int offering; /* the thread that waits for it */
static uint64_t offered_cookie;
static const struct parcel *offered_parcel; /* NULL: it is a channel's end */
static int channel = -1;

enum { IDLE, PENDING, MAKING };

static struct {
	long number, a, b, c, result;
	uint32_t state; /* futex */
} call;

static uint32_t wake; /* futex */
static uint32_t sleeping, settling, settle_until;

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

/* By the limit on open files, where that is tighter than `sockets`. */
static uint32_t room_for(void)
{
	uint32_t size = self.opt.linger.sockets;
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

/* The program's end is closed: a new one may come. Or what lies in it cannot be had. */
static void lose_channel(long n)
{
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n < 0)
		sink_lose();
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
		if (slots_active() >= most)
			slots_make_room();
		i = slots_take();
		fd = receive(slots_parcel(i), &n);
		if (fd < 0) {
			slots_put_back(i);
			if (n <= 0) {
				lose_channel(n);
				return taken;
			}
			sink_lose(); /* the kernel has closed what it could not give us */
			continue;
		}
		slots_adopt(i, fd, now);
		taken++;
	}
}

static void rest(uint32_t seen, uint32_t ms)
{
	struct timespec ts = {0, (long)ms * 1000000};

	sys4(SYS_futex, &wake, FUTEX_WAIT_PRIVATE, seen, ms ? &ts : NULL);
}

/*
 * Announced before the last look, so that what comes after that look wakes it up. What is offered may
 * have come before, and have had to wait until the channel that it is to follow was seen to be lost.
 */
static void sleep_for_ever(uint32_t seen)
{
	__atomic_store_n(&sleeping, 1, __ATOMIC_SEQ_CST);
	if (take_all(start_now_ms()) == 0 && !deferred_look(start_now_ms()) &&
		!__atomic_load_n(&settling, __ATOMIC_SEQ_CST) &&
		__atomic_load_n(&offered, __ATOMIC_SEQ_CST) < 0)
		rest(seen, 0);
	__atomic_store_n(&sleeping, 0, __ATOMIC_SEQ_CST);
}

static void begin(void)
{
	slots_begin();
	channel = -1;
	sink_helper_began();
}

/* Between the look and the loan that number may have become another's. */
static int borrow(int number)
{
	int fd = helper_borrow(number, offering);

	if (fd < 0 || facts_cookie(fd) == offered_cookie)
		return fd;
	sys1(SYS_close, fd);
	return -1;
}

static int fetch_socket(int number, uint32_t now)
{
	uint32_t i;
	int fd;

	if (slots_active() >= room_for())
		slots_make_room();
	i = slots_take();
	fd = i ? borrow(number) : -1;
	if (fd >= 0) {
		*slots_parcel(i) = *offered_parcel;
		slots_adopt(i, fd, now);
	} else if (i) {
		slots_put_back(i);
	}
	return fd;
}

static void fetch_offered(uint32_t now)
{
	int number = __atomic_load_n(&offered, __ATOMIC_SEQ_CST), fd = -1;

	if (number < 0 || (channel >= 0 && !__atomic_load_n(&offered_parcel, __ATOMIC_RELAXED)))
		return;
	if (!__atomic_compare_exchange_n(
		    &offered, &number, TAKING, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	if (offered_parcel)
		fd = fetch_socket(number, now);
	else if (channel < 0) /* else it is another offer than the one that was looked at */
		fd = channel = borrow(number);
	__atomic_store_n(&offered, fd >= 0 ? NONE : REFUSED, __ATOMIC_SEQ_CST);
	sys4(SYS_futex, &offered, FUTEX_WAKE_PRIVATE, 1, 0);
}

static void make_call(void)
{
	uint32_t was = PENDING;

	if (!__atomic_compare_exchange_n(
		    &call.state, &was, MAKING, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	call.result = sys3(call.number, call.a, call.b, call.c);
	__atomic_store_n(&call.state, IDLE, __ATOMIC_SEQ_CST);
	sys4(SYS_futex, &call.state, FUTEX_WAKE_PRIVATE, 1, 0);
}

/* Nobody can send any more from here on; what was sent before is still taken. */
static bool finished(void)
{
	if (slots_active())
		return false;
	if (channel < 0)
		return true;
	sys2(SYS_shutdown, channel, SHUT_RD);
	take_all(start_now_ms());
	return slots_active() == 0;
}

static bool late(uint32_t now)
{
	return (int32_t)(now - __atomic_load_n(&settle_until, __ATOMIC_SEQ_CST)) >= 0;
}

static int run(void)
{
	uint32_t now, seen;
	unsigned taken, quiet = 0;
	bool deferred, ending;

	begin();
	for (;;) {
		seen = __atomic_load_n(&wake, __ATOMIC_SEQ_CST);
		now = start_now_ms();
		fetch_offered(now);
		make_call();
		taken = take_all(now);
		slots_look_at_ready(now);
		slots_look_at_limits(now);
		ending = __atomic_load_n(&settling, __ATOMIC_SEQ_CST);
		deferred = ending ? deferred_end() : deferred_look(now);
		if (ending) {
			slots_settle(late(now));
			if ((!deferred || late(now)) && finished())
				return 0;
			rest(seen, 1);
		} else if (slots_active() == 0 && taken == 0 && !deferred &&
			++quiet > QUIET_TICKS) {
			sleep_for_ever(seen);
		} else {
			if (slots_active() || taken || deferred)
				quiet = 0;
			rest(seen, taken > BUSY ? TICK_BUSY_MS : TICK_MS);
		}
	}
}

/* What it has begun to take it also finishes taking. */
static bool await_fetched(int fd)
{
	struct timespec ts = {0, 10000000};
	unsigned tries;
	int now = fd;

	for (tries = 0; tries < 20 && __atomic_load_n(&offered, __ATOMIC_SEQ_CST) == fd; tries++)
		sys4(SYS_futex, &offered, FUTEX_WAIT_PRIVATE, fd, &ts);
	if (__atomic_compare_exchange_n(
		    &offered, &now, NONE, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return false;
	while (__atomic_load_n(&offered, __ATOMIC_SEQ_CST) == TAKING)
		sys4(SYS_futex, &offered, FUTEX_WAIT_PRIVATE, TAKING, &ts);
	return __atomic_exchange_n(&offered, NONE, __ATOMIC_SEQ_CST) == NONE;
}

static bool offer(int fd, const struct parcel *p)
{
	/* One that settles takes nothing any more. */
	if (helper_running() && __atomic_load_n(&settling, __ATOMIC_SEQ_CST))
		helper_await_end(self.opt.exit_ms + 1000);
	offering = (int)sys0(SYS_gettid);
	offered_cookie = facts_cookie(fd);
	__atomic_store_n(&offered_parcel, p, __ATOMIC_RELAXED);
	__atomic_store_n(&offered, fd, __ATOMIC_SEQ_CST);
	if (!helper_running()) {
		__atomic_store_n(&sleeping, 0, __ATOMIC_SEQ_CST);
		__atomic_store_n(&settling, 0, __ATOMIC_SEQ_CST);
		if (!helper_start(run)) {
			__atomic_store_n(&offered, NONE, __ATOMIC_SEQ_CST);
			return false;
		}
	}
	wake_up();
	return await_fetched(fd);
}

bool reaper_channel(int fd)
{
	return offer(fd, NULL);
}

bool reaper_socket(int fd, const struct parcel *p)
{
	return offer(fd, p);
}

bool reaper_call(long number, long a, long b, long c)
{
	struct timespec ts = {0, 10000000};
	uint32_t state = PENDING;
	unsigned tries;

	call.number = number;
	call.a = a;
	call.b = b;
	call.c = c;
	__atomic_store_n(&call.state, PENDING, __ATOMIC_SEQ_CST);
	wake_up();
	for (tries = 0; tries < 20 && __atomic_load_n(&call.state, __ATOMIC_SEQ_CST) == PENDING;
		tries++)
		sys4(SYS_futex, &call.state, FUTEX_WAIT_PRIVATE, PENDING, &ts);
	if (__atomic_compare_exchange_n(
		    &call.state, &state, IDLE, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return false;
	while (__atomic_load_n(&call.state, __ATOMIC_SEQ_CST) == MAKING)
		sys4(SYS_futex, &call.state, FUTEX_WAIT_PRIVATE, MAKING, &ts);
	return call.result == 0;
}

void reaper_forked(void)
{
	call.state = IDLE;
	offered = NONE;
	sleeping = settling = 0;
}
