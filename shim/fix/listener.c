/* SPDX-License-Identifier: MIT */
#include "listener.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "filter.h"
#include "linger.h"
#include "trim.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

/* What comes in while the queue is emptied is taken as well, up to so many. */
#define MORE	1024
#define TIME_MS 1000U

/* A half-open handshake goes on: only what would begin a new one is dropped. */
static const struct sock_filter no_syn[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FILTER_FLAGS),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, FILTER_SYN | FILTER_ACK),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_SYN, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0),
	BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
};

static bool hold_back(int fd)
{
	return filter_attach(fd, no_syn, sizeof(no_syn) / sizeof(no_syn[0]));
}

void listener_release(int fd)
{
	filter_detach(fd);
}

/* What has come is thrown away; an upload without end is left to the reaper. */
static long discard(int fd, struct event *e)
{
	unsigned turns = 4;
	long n = -EAGAIN;

	while (turns-- && (n = drain_discard(fd, UINT64_MAX)) > 0)
		e->drained += (uint64_t)n;
	return n;
}

/* It has inherited what its listener was armed with. */
static void see_off(int fd, struct event *e, const struct parcel *p)
{
	long n;

	drain_disarm(fd);
	drain_disarm_linger2(fd);
	drain_half_close(fd);
	n = discard(fd, e);
	if ((n > 0 || n == -EAGAIN) && !linger_adopt(fd, p) && trim_leave(fd))
		discard(fd, e);
	sys1(SYS_close, fd);
}

static const char *why_not(long error)
{
	switch (error) {
	case -EAGAIN:
		return NULL;
	case -ETIME:
		return "too many came in the meantime";
	case -EMFILE:
	case -ENFILE:
		return "no descriptor was free";
	default:
		return "accept() failed";
	}
}

/* Until none waits any more: -EAGAIN; or why it has ended before. */
static long take_all(int fd, struct event *e, const struct parcel *p)
{
	uint32_t start = start_now_ms(), most = e->facts.waiting + MORE;
	long n = 0;

	while (n >= 0 || n == -EINTR || n == -ECONNABORTED) {
		if (e->taken == most || start_now_ms() - start >= TIME_MS || start_stopping())
			return -ETIME;
		n = sys4(SYS_accept4, fd, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (n < 0)
			continue;
		see_off((int)n, e, p);
		e->taken++;
	}
	return n;
}

/*
 * accept() must not wait: another thread may take what poll() has seen. So the description is made
 * non-blocking meanwhile, which only its last reference may be, and not under another thread: that may
 * stand in accept(), or be about to, and is told EAGAIN; or it waits for ever where SYNs are dropped.
 */
bool listener_empty(int fd, struct event *e)
{
	const struct fdrec accepted = {.role = ROLE_SERVER};
	struct linger_limits limits = rules_limits(e->rule, &self.opt.linger);
	struct parcel p = {.event = *e, .bounds = drain_bounds(&limits, &accepted), .told = true};
	uint32_t start = start_now_ms();
	long flags = sys2(SYS_fcntl, fd, F_GETFL);
	bool held;

	e->outcome = OUTCOME_FAILED;
	e->why = "a sandbox does not let it be mended";
	if (linger_forbidden() || flags < 0)
		return false;
	if (!(flags & O_NONBLOCK) && start_threads() != 1) {
		e->why = "another thread may be waiting in accept()";
		return false;
	}
	if (!(flags & O_NONBLOCK) && sys3(SYS_fcntl, fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		e->why = "it could not be made non-blocking";
		return false;
	}
	held = hold_back(fd);
	e->why = why_not(take_all(fd, e, &p));
	if (!(flags & O_NONBLOCK))
		sys3(SYS_fcntl, fd, F_SETFL, flags);
	if (!e->why)
		e->outcome = OUTCOME_AVERTED;
	e->duration_ms = start_now_ms() - start;
	e->mended = true;
	return held;
}
