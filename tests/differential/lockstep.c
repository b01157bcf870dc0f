/* SPDX-License-Identifier: MIT */
#include "lockstep.h"

#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <time.h>

struct lockstep *lockstep_map(const char *path)
{
	long fd = sys4(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0), page;

	if (fd < 0) {
		errno = (int)-fd;
		return NULL;
	}
	page = sys6(
		SYS_mmap, 0, sizeof(struct lockstep), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	sys1(SYS_close, fd);
	return page > 0 ? (struct lockstep *)page : NULL;
}

bool lockstep_await(struct lockstep *l, enum actor me, int ms)
{
	struct timespec ts = {ms / 1000, (long)(ms % 1000) * 1000000};
	long r;

	while (!l->turn[me]) {
		r = sys4(SYS_futex, &l->turn[me], FUTEX_WAIT, 0, ms ? &ts : NULL);
		if (ms && (r == -ETIMEDOUT || r == -EINTR)) {
			errno = (int)-r;
			return false;
		}
	}
	l->turn[me] = 0;
	return true;
}

void lockstep_give(struct lockstep *l, enum actor to)
{
	l->turn[to] = 1;
	sys3(SYS_futex, &l->turn[to], FUTEX_WAKE, 1);
}

void lockstep_pass(struct lockstep *l, int at)
{
	enum actor to = PEER;

	while (at < l->program.count && !l->alive[l->program.steps[at].actor])
		at++;
	l->at = at;
	if (at < l->program.count)
		to = (enum actor)l->program.steps[at].actor;
	l->forward = l->waiting && to != PEER;
	lockstep_give(l, l->forward ? PEER : to);
}

const struct step *lockstep_step(struct lockstep *l)
{
	return l->at < l->program.count ? &l->program.steps[l->at] : NULL;
}

enum actor lockstep_process(enum actor a)
{
	return a == THREAD ? MAIN : a;
}

uint32_t lockstep_sum(uint32_t sum, const void *bytes, size_t n)
{
	const unsigned char *b = bytes;

	while (n--)
		sum = (sum ^ *b++) * 16777619U;
	return sum;
}
