/* SPDX-License-Identifier: MIT */
#include "linger.h"

#include "../base/helper.h"
#include "../base/start.h"
#include "../base/sys.h"
#include "../log/sinkfd.h"
#include "deferred.h"
#include "reaper.h"
#include "slots.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* How long a full channel, or a reaper that is just being made, is waited for. */
#define PATIENCE_MS 20
#define OPENING_MS  200

/* After the reaper could not be had: not asked for again so soon. */
#define AGAIN_MS 1000U

static int channel = -1;	/* the program's end */
static uint64_t channel_cookie; /* SO_COOKIE: is that number still the channel? (law 9) */
static uint32_t opening, never, failed_ms;
static uint32_t senders; /* threads that may be about to send by a number they have read */
static bool told, forbidden;

/* A number that was the channel's; by its cookie, another's since then is none of it. */
static bool is_channel(int fd)
{
	return facts_cookie(fd) == __atomic_load_n(&channel_cookie, __ATOMIC_RELAXED);
}

bool linger_open(void)
{
	return __atomic_load_n(&channel, __ATOMIC_RELAXED) >= 0;
}

bool linger_owns(int fd)
{
	return fd >= 0 && fd == __atomic_load_n(&channel, __ATOMIC_ACQUIRE) && is_channel(fd);
}

static void pause_1ms(void)
{
	struct timespec tick = {0, 1000000};

	sys5(SYS_ppoll, 0, 0, &tick, 0, 0);
}

/* Both ends are the program's until the reaper has fetched its own. */
static bool open_channel(bool *scarce)
{
	int ends[2], high;
	bool fetched;
	long r;

	if (!slots_prepare(self.opt.linger.sockets))
		return false;
	r = sys4(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
	*scarce = r == -EMFILE || r == -ENFILE;
	if (r < 0)
		return false;
	high = sinkfd_move_high(ends[0]);
	*scarce = high < 0;
	if (!*scarce)
		ends[0] = high;
	fetched = !*scarce && reaper_channel(ends[1]);
	sys1(SYS_close, ends[1]);
	if (!fetched) {
		sys1(SYS_close, ends[0]);
		return false;
	}
	__atomic_store_n(&channel_cookie, facts_cookie(ends[0]), __ATOMIC_RELAXED);
	if (fdhint_covers(ends[0]))
		fdhint_begin(ends[0], HINT_OWN);
	__atomic_store_n(&channel, ends[0], __ATOMIC_RELEASE);
	return true;
}

static void tell_missing(void)
{
	__atomic_store_n(&failed_ms, start_now_ms() | 1, __ATOMIC_RELAXED);
	if (__atomic_exchange_n(&told, true, __ATOMIC_RELAXED))
		return;
	event_notice("reaper",
		start_fix ? "no thread can be had here (Linux before 5.9, RLIMIT_NPROC, a "
			    "sandbox or a checker): mended closes wait inside close()"
			  : "no thread can be had here (Linux before 5.9, RLIMIT_NPROC, a "
			    "sandbox or a checker): late resets are not watched for");
}

static bool recently_failed(void)
{
	uint32_t at = __atomic_load_n(&failed_ms, __ATOMIC_RELAXED);

	return at && start_now_ms() - at < AGAIN_MS;
}

/* One thread at a time makes a channel, or ends one. False: not to be had for so long. */
static bool begin_opening(unsigned ms)
{
	unsigned tries;

	for (tries = 0; __atomic_exchange_n(&opening, 1, __ATOMIC_ACQUIRE); tries++) {
		if (tries == ms)
			return false;
		pause_1ms();
	}
	return true;
}

static void end_opening(void)
{
	__atomic_store_n(&opening, 0, __ATOMIC_RELEASE);
}

/*
 * The program's end of the channel; -1: there is none, and none can be had. *scarce: but for want of
 * a number.
 */
static int channel_ready(bool *scarce)
{
	int fd = __atomic_load_n(&channel, __ATOMIC_ACQUIRE);

	*scarce = false;
	if (fd >= 0 || __atomic_load_n(&never, __ATOMIC_RELAXED) || recently_failed())
		return fd;
	if (forbidden) {
		tell_missing();
		return -1;
	}
	if (!begin_opening(OPENING_MS))
		return -1;
	fd = __atomic_load_n(&channel, __ATOMIC_ACQUIRE);
	if (fd < 0 && !open_channel(scarce) && !*scarce)
		tell_missing();
	end_opening();
	return __atomic_load_n(&channel, __ATOMIC_ACQUIRE);
}

bool linger_ready(void)
{
	bool scarce;

	return channel_ready(&scarce) >= 0 && helper_running();
}

/* The reaper comes for it itself: that takes no number, but this thread waits until it is there. */
static bool adopt_without_channel(int fd, const struct parcel *p)
{
	bool done;

	if (!begin_opening(OPENING_MS))
		return false;
	done = reaper_socket(fd, p);
	end_opening();
	return done;
}

static long send_parcel(int to, int fd, const struct parcel *p)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {(void *)p, sizeof(*p)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};

	memset(&control, 0, sizeof(control));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return sys3(SYS_sendmsg, to, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/*
 * A thread that has read the channel's number, and looked whose it is, must not send into what gets
 * it next. False: one of them does not come out, a handler's frame.
 */
static bool await_senders(void)
{
	unsigned tries;

	for (tries = 0; __atomic_load_n(&senders, __ATOMIC_SEQ_CST); tries++) {
		if (tries == PATIENCE_MS)
			return false;
		pause_1ms();
	}
	return true;
}

static void lose(int fd)
{
	if (!__atomic_compare_exchange_n(
		    &channel, &fd, -1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return;
	await_senders();
	fdhint_forget(fd);
	sys1(SYS_close, fd);
}

/* By what is the channel now, *to. -ESTALE: it is closed, behind our back (law 9). */
static long send_by_channel(int fd, const struct parcel *p, int *to)
{
	long n;

	__atomic_add_fetch(&senders, 1, __ATOMIC_SEQ_CST);
	*to = __atomic_load_n(&channel, __ATOMIC_SEQ_CST);
	if (*to < 0)
		n = -EAGAIN;
	else
		n = is_channel(*to) ? send_parcel(*to, fd, p) : -ESTALE;
	__atomic_sub_fetch(&senders, 1, __ATOMIC_SEQ_CST);
	return n;
}

bool linger_adopt(int fd, const struct parcel *p)
{
	unsigned tries;
	long n = -EAGAIN;
	bool scarce;
	int to;

	for (tries = 0; tries < PATIENCE_MS; tries++) {
		if (channel_ready(&scarce) < 0)
			return scarce && adopt_without_channel(fd, p);
		n = send_by_channel(fd, p, &to);
		if (n == -ESTALE) {
			__atomic_compare_exchange_n(
				&channel, &to, -1, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
			continue;
		}
		if (n == -EPIPE || n == -ECONNRESET || n == -ENOTCONN) { /* its reaper has ended */
			lose(to);
			continue;
		}
		if (n != -EAGAIN && n != -ETOOMANYREFS)
			break;
		reaper_notice();
		pause_1ms();
	}
	if (n < 0)
		return false;
	reaper_notice();
	return true;
}

/*
 * `own`: what is shut has an end for the reaper as well where somebody has a copy of it, a child that has
 * not come by a door yet. Else the channel is the parent's, and goes on.
 */
static bool give_way(bool own)
{
	int fd = __atomic_exchange_n(&channel, -1, __ATOMIC_SEQ_CST), none = -1;

	if (fd < 0 || !is_channel(fd))
		return false;
	if (!await_senders()) {
		__atomic_compare_exchange_n(
			&channel, &none, fd, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		return false;
	}
	fdhint_forget(fd);
	if (own)
		sys2(SYS_shutdown, fd, SHUT_WR);
	sys1(SYS_close, fd);
	return true;
}

/*
 * The reaper keeps what it holds, and gets another channel with the next socket: not before this one
 * is closed, for it takes no two.
 */
bool linger_give_way(void)
{
	bool done;

	if (!begin_opening(PATIENCE_MS))
		return false;
	done = give_way(true);
	end_opening();
	return done;
}

void linger_settle(bool for_good)
{
	linger_settle_until(for_good, start_now_ms() + self.opt.exit_ms);
}

void linger_settle_until(bool for_good, uint32_t until_ms)
{
	bool mine;
	int fd;

	if (for_good)
		__atomic_store_n(&never, 1, __ATOMIC_SEQ_CST);
	if (!helper_running() || helper_is_self())
		return;
	/* No new channel meanwhile: a reaper that settles takes none. */
	mine = begin_opening(OPENING_MS);
	/* Nothing new goes in; what lies in it is still taken, so it is closed afterwards. */
	fd = __atomic_exchange_n(&channel, -1, __ATOMIC_ACQ_REL);
	reaper_settle(until_ms);
	helper_await_end(self.opt.exit_ms + 1000);
	if (mine)
		end_opening();
	if (fd < 0 || !is_channel(fd))
		return;
	await_senders();
	fdhint_forget(fd);
	sys1(SYS_close, fd);
}

void linger_identity(long number, long a, long b, long c)
{
	static uint32_t calling;
	bool made;

	if (!helper_running() || helper_is_self())
		return;
	if (__atomic_exchange_n(&calling, 1, __ATOMIC_ACQUIRE)) {
		linger_settle(false);
		return;
	}
	made = reaper_call(number, a, b, c);
	__atomic_store_n(&calling, 0, __ATOMIC_RELEASE);
	if (!made)
		linger_settle(false);
}

void linger_forbid(void)
{
	forbidden = true;
}

bool linger_forbidden(void)
{
	return forbidden;
}

void linger_resume(void)
{
	__atomic_store_n(&never, 0, __ATOMIC_SEQ_CST);
}

void linger_forked(void)
{
	helper_forked();
	reaper_forked();
	deferred_forked();
	senders = opening = never = failed_ms = 0;
	give_way(false);
}

void linger_yield(unsigned first, unsigned last)
{
	int fd = __atomic_load_n(&channel, __ATOMIC_RELAXED);

	if (fd >= 0 && (unsigned)fd >= first && (unsigned)fd <= last)
		linger_give_way();
}
