/* SPDX-License-Identifier: MIT */
#include "trim.h"

#include "../base/sys.h"
#include "../detect/facts.h"
#include "filter.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static const struct sock_filter trim[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FILTER_DATA_OFFSET),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0),
	BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 2),
	BPF_STMT(BPF_MISC | BPF_TAX, 0), /* X: the header's length */
	BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
	BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 0), /* no payload: all of it */
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FILTER_FLAGS),
	/* A FIN behind payload that was not taken is out of order: it comes again. */
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, FILTER_FIN, 3, 0),
	BPF_STMT(BPF_MISC | BPF_TXA, 0),
	BPF_STMT(BPF_RET | BPF_A, 0),
	BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

bool trim_attach(int fd)
{
	return filter_attach(fd, trim, sizeof(trim) / sizeof(trim[0]));
}

static bool has_trim(int fd)
{
	return filter_length(fd) == sizeof(trim) / sizeof(trim[0]);
}

bool trim_stay(int fd)
{
	return has_trim(fd) || trim_attach(fd);
}

bool trim_leave(int fd)
{
	if (facts_fits_window(fd))
		return trim_stay(fd);
	trim_detach(fd);
	return false;
}

bool trim_leave_for(int fd, uint32_t ms)
{
	return trim_stay(fd) &&
		sys5(SYS_setsockopt, fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)) == 0;
}

void trim_watch(struct trim_watch *w, bool on, uint32_t now)
{
	*w = (struct trim_watch){.acked = UINT64_MAX, .asked_ms = now, .on = on};
}

bool trim_waits(struct trim_watch *w, int fd, uint32_t now)
{
	uint64_t before = w->acked;

	if (now - w->asked_ms < TRIM_LOOK_MS)
		return false;
	w->asked_ms = now;
	return facts_window_shut(fd, &w->acked) && w->acked == before;
}

void trim_look(struct trim_watch *w, int fd, uint32_t now)
{
	if (!w->on || !trim_waits(w, fd, now))
		return;
	trim_detach(fd);
	w->on = false;
	w->off = true;
}

bool trim_answered(const struct trim_watch *w, int fd, uint32_t data_segs_in)
{
	return w->off && facts_reset_since(fd, data_segs_in);
}

void trim_end(const struct trim_watch *w, int fd)
{
	if (w->on)
		trim_detach(fd);
}

void trim_detach(int fd)
{
	if (has_trim(fd))
		filter_detach(fd);
}
