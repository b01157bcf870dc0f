/* SPDX-License-Identifier: MIT */
#include "../base/start.h"
#include "../base/sys.h"
#include "../detect/family.h"
#include "../fix/deferred.h"
#include "../fix/linger.h"
#include "../log/sink.h"
#include "closing.h"
#include "export.h"
#include "pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A duplication in progress. */
struct duplicate {
	bool counted; /* family.h */
	bool marked;  /* REC_SHARED is new */
};

/* Both numbers stand for one open file description now: neither is proven to be the last by itself. */
static void duplicated(int from, int to, bool cloexec)
{
	struct fdrec *rec;

	if (!watched(to) || !(fdhint_get(from) & HINT_STREAM)) {
		start_forget(to);
		return;
	}
	if (from == to || !start_ready())
		return;
	fdhint_record(from)->flags |= REC_SHARED;
	rec = fdhint_begin(to, fdhint_get(from));
	*rec = *fdhint_record(from);
	memset(rec->streams, 0, sizeof(rec->streams));
	rec->flags &= ~(uint32_t)(REC_EPOLLS_UNKNOWN | (cloexec ? 0 : REC_CLOEXEC));
	rec->epoll_count = 0; /* a registration is one of a number */
}

static bool other_seen;

bool dup_other_seen(void)
{
	return __atomic_load_n(&other_seen, __ATOMIC_RELAXED);
}

/* Marked before the call: another thread may close its number in between. */
static struct duplicate duplicating(int fd)
{
	struct duplicate d = {false, false};
	struct fdrec *rec;

	if (!(fdhint_get(fd) & HINT_STREAM)) {
		if (fd > STDERR_FILENO && !other_seen && start_may_note())
			__atomic_store_n(&other_seen, true, __ATOMIC_RELAXED);
		return d;
	}
	rec = fdhint_record(fd);
	if (!start_may_note()) {
		family_taken(rec);
		return d;
	}
	if (unlikely(fdhint_get(fd) & HINT_DEFERRED))
		deferred_settle(fd);
	d.counted = family_dup_begin(fd, rec);
	d.marked = !(rec->flags & REC_SHARED);
	rec->flags |= REC_SHARED;
	return d;
}

/* It is noted by now. If it failed, what duplicating() has marked is alone again. */
static void duplicating_end(int fd, struct duplicate d, bool made)
{
	if (d.marked && !made)
		fdhint_record(fd)->flags &= (uint32_t)~REC_SHARED;
	if (d.counted)
		family_dup_end(fdhint_record(fd), made);
}

static int duplicate(int (*real)(int), int fd)
{
	int before = errno, r;
	struct duplicate d = duplicating(fd);

	r = real(fd);
	if (out_of_descriptors(r, before))
		r = real(fd);
	if (r >= 0)
		duplicated(fd, r, false);
	duplicating_end(fd, d, r >= 0);
	return r;
}

EXPORT(int, dup, (int fd))
{
	return duplicate(libc_dup, fd);
}

int rf_dup(int fd)
{
	return duplicate(libc_dup, fd);
}

/* What is open above it, from before it was lowered, is not to be replaced: EBADF. */
static bool above_limit(int fd)
{
	struct {
		uint64_t soft, hard;
	} lim = {UINT64_MAX, 0};

	sys4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &lim);
	return (uint64_t)fd >= lim.soft;
}

/* `target` is closed by this, if the call is going to succeed. */
static void replace_begin(struct closing *c, int fd, int target, enum op op, const void *caller)
{
	closing_none(c);
	if (!fdhint_get(target) || fd == target || sys2(SYS_fcntl, fd, F_GETFD) < 0 ||
		above_limit(target))
		return;
	if ((fdhint_get(target) & HINT_OWN) && start_may_note()) { /* not a vfork child's to say */
		sink_yield((unsigned)target, (unsigned)target);
		linger_yield((unsigned)target, (unsigned)target);
	}
	closing_begin(c, target, op, caller, false);
}

static int rf_dup2_by(int (*real)(int, int), int fd, int target, const void *caller)
{
	struct duplicate d = {false, false};
	struct closing c;
	int r;

	if (fd != target)
		d = duplicating(fd);
	replace_begin(&c, fd, target, OP_DUP2, caller);
	r = real(fd, target);
	if (r >= 0)
		duplicated(fd, r, false);
	else
		closing_failed(&c);
	duplicating_end(fd, d, r >= 0);
	closing_end(&c);
	return r;
}

int rf_dup2(int fd, int target, const void *caller)
{
	return rf_dup2_by(libc_dup2, fd, target, caller);
}

EXPORT(int, dup2, (int fd, int target))
{
	return rf_dup2_by(libc_dup2, fd, target, CALLER());
}

EXPORT(int, __dup2, (int fd, int target))
{
	return rf_dup2_by(libc___dup2, fd, target, CALLER());
}

int rf_dup3(int fd, int target, int flags, const void *caller)
{
	struct duplicate d = {false, false};
	struct closing c;
	int r;

	closing_none(&c);
	if (!(flags & ~O_CLOEXEC))
		replace_begin(&c, fd, target, OP_DUP3, caller);
	if (fd != target)
		d = duplicating(fd);
	r = libc_dup3(fd, target, flags);
	if (r >= 0)
		duplicated(fd, r, flags & O_CLOEXEC);
	else
		closing_failed(&c);
	duplicating_end(fd, d, r >= 0);
	closing_end(&c);
	return r;
}

EXPORT(int, dup3, (int fd, int target, int flags))
{
	return rf_dup3(fd, target, flags, CALLER());
}

/* A spawned child may get it from here on. */
static void exposing(int fd)
{
	if (!(fdhint_get(fd) & HINT_STREAM))
		return;
	if (start_may_note())
		family_exposed(fdhint_record(fd));
	else
		family_taken(fdhint_record(fd));
}

static void concealed(int fd)
{
	struct fdrec *rec;

	if (!(fdhint_get(fd) & HINT_STREAM) || !start_may_note())
		return;
	rec = fdhint_record(fd);
	if (owner_unspawned(rec))
		__atomic_fetch_or(&rec->flags, REC_CLOEXEC, __ATOMIC_SEQ_CST);
}

static int control(int (*real)(int, int, long), int fd, int cmd, long arg)
{
	struct duplicate d;
	int before = errno, r;

	if (cmd == F_SETFD) {
		if (!(arg & FD_CLOEXEC))
			exposing(fd);
		r = real(fd, cmd, arg);
		if (r == 0 && (arg & FD_CLOEXEC))
			concealed(fd);
		return r;
	}
	d = duplicating(fd);
	r = real(fd, cmd, arg);
	if (out_of_descriptors(r, before))
		r = real(fd, cmd, arg);
	if (r >= 0)
		duplicated(fd, r, cmd == F_DUPFD_CLOEXEC);
	duplicating_end(fd, d, r >= 0);
	return r;
}

static bool async_seen;

bool dup_async_seen(void)
{
	return __atomic_load_n(&async_seen, __ATOMIC_RELAXED);
}

static inline bool concerns_us(int cmd, long arg)
{
	if (unlikely((cmd == F_SETFL && (arg & O_ASYNC)) || cmd == F_SETOWN || cmd == F_SETOWN_EX))
		__atomic_store_n(&async_seen, true, __ATOMIC_RELAXED);
	return cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC || cmd == F_SETFD;
}

/* libc's fcntl() is a cancellation point and knows F_GETOWN better than the kernel. */
static int fcntl_by_syscall(int fd, int cmd, long arg)
{
	return (int)libc_syscall(SYS_fcntl, fd, cmd, arg, 0, 0, 0);
}

long rf_fcntl(int fd, int cmd, long arg)
{
	return concerns_us(cmd, arg) ? control(fcntl_by_syscall, fd, cmd, arg)
				     : libc_syscall(SYS_fcntl, fd, cmd, arg, 0, 0, 0);
}

EXPORT(int, fcntl, (int fd, int cmd, long arg))
{
	if (likely(!concerns_us(cmd, arg)))
		return libc_fcntl(fd, cmd, arg);
	return control(libc_fcntl, fd, cmd, arg);
}

EXPORT(int, __fcntl, (int fd, int cmd, long arg))
{
	if (likely(!concerns_us(cmd, arg)))
		return libc___fcntl(fd, cmd, arg);
	return control(libc___fcntl, fd, cmd, arg);
}

EXPORT(int, fcntl64, (int fd, int cmd, long arg))
{
	if (likely(!concerns_us(cmd, arg)))
		return libc_fcntl64(fd, cmd, arg);
	return control(libc_fcntl64, fd, cmd, arg);
}

static inline bool is_async(unsigned long request)
{
	return request == FIOASYNC || request == FIOSETOWN || request == SIOCSPGRP;
}

static int ioctl_by_syscall(int fd, unsigned long request, void *arg)
{
	return (int)libc_syscall(SYS_ioctl, fd, (long)request, (long)arg, 0, 0, 0);
}

/* The other way to take close-on-exec away, or to set it; Python's way. */
static int rf_ioctl(
	int (*real)(int, unsigned long, void *), int fd, unsigned long request, void *arg)
{
	int r;

	if (is_async(request))
		__atomic_store_n(&async_seen, true, __ATOMIC_RELAXED);
	if (request == FIONCLEX)
		exposing(fd);
	r = real(fd, request, arg);
	if (r == 0 && request == FIOCLEX)
		concealed(fd);
	return r;
}

int rf_syscall_ioctl(int fd, unsigned long request, void *arg)
{
	return rf_ioctl(ioctl_by_syscall, fd, request, arg);
}

EXPORT(int, ioctl, (int fd, unsigned long request, void *arg))
{
	if (likely(request != FIONCLEX && request != FIOCLEX && !is_async(request)))
		return libc_ioctl(fd, request, arg);
	return rf_ioctl(libc_ioctl, fd, request, arg);
}
