/* SPDX-License-Identifier: MIT */
#include "../base/start.h"
#include "../base/sys.h"
#include "../fix/deferred.h"
#include "../fix/linger.h"
#include "../log/sink.h"
#include "closing.h"
#include "export.h"
#include "pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Both numbers stand for one open file description now: neither is proven to be the last. */
static void duplicated(int from, int to)
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
}

static bool other_seen;

bool dup_other_seen(void)
{
	return __atomic_load_n(&other_seen, __ATOMIC_RELAXED);
}

/* Marked before the call: another thread may close its number in between. */
static bool duplicating(int fd)
{
	struct fdrec *rec;

	if (!(fdhint_get(fd) & HINT_STREAM)) {
		if (fd > STDERR_FILENO && !other_seen && start_may_note())
			__atomic_store_n(&other_seen, true, __ATOMIC_RELAXED);
		return false;
	}
	if (!start_may_note())
		return false;
	if (unlikely(fdhint_get(fd) & HINT_DEFERRED))
		deferred_settle(fd);
	rec = fdhint_record(fd);
	if (rec->flags & REC_SHARED)
		return false;
	rec->flags |= REC_SHARED;
	return true;
}

/* It failed: what duplicating() has marked is alone again. */
static void not_duplicated(int fd, bool marked)
{
	if (marked)
		fdhint_record(fd)->flags &= (uint32_t)~REC_SHARED;
}

static int duplicate(int (*real)(int), int fd)
{
	int r;

	duplicating(fd);
	r = real(fd);
	if (out_of_descriptors(r))
		r = real(fd);
	if (r >= 0)
		duplicated(fd, r);
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

/* `target` is closed by this, if the call is going to succeed. */
static void replace_begin(struct closing *c, int fd, int target, enum op op, const void *caller)
{
	c->watch = -1;
	c->judged = false;
	if (!fdhint_get(target) || fd == target || sys2(SYS_fcntl, fd, F_GETFD) < 0)
		return;
	if (fdhint_get(target) & HINT_OWN) {
		sink_yield((unsigned)target, (unsigned)target);
		linger_yield((unsigned)target, (unsigned)target);
	}
	closing_begin(c, target, op, caller, false);
}

static int rf_dup2_by(int (*real)(int, int), int fd, int target, const void *caller)
{
	struct closing c;
	bool marked;
	int r;

	marked = fd != target && duplicating(fd);
	replace_begin(&c, fd, target, OP_DUP2, caller);
	r = real(fd, target);
	if (r >= 0)
		duplicated(fd, r);
	else
		not_duplicated(fd, marked);
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
	struct closing c;
	bool marked;
	int r;

	c.watch = -1;
	c.judged = false;
	if (!(flags & ~O_CLOEXEC))
		replace_begin(&c, fd, target, OP_DUP3, caller);
	marked = fd != target && duplicating(fd);
	r = libc_dup3(fd, target, flags);
	if (r >= 0)
		duplicated(fd, r);
	else
		not_duplicated(fd, marked);
	closing_end(&c);
	return r;
}

EXPORT(int, dup3, (int fd, int target, int flags))
{
	return rf_dup3(fd, target, flags, CALLER());
}

static int control(int (*real)(int, int, long), int fd, int cmd, long arg)
{
	bool marked = cmd != F_SETFD && duplicating(fd);
	int r = real(fd, cmd, arg);

	if (cmd != F_SETFD && out_of_descriptors(r))
		r = real(fd, cmd, arg);
	if (r < 0) {
		not_duplicated(fd, marked);
		return r;
	}
	if (cmd != F_SETFD)
		duplicated(fd, r);
	else if (fdhint_get(fd) && !(arg & FD_CLOEXEC) && start_ready())
		fdhint_record(fd)->flags &= (uint32_t)~REC_CLOEXEC;
	return r;
}

static bool async_seen;

bool dup_async_seen(void)
{
	return __atomic_load_n(&async_seen, __ATOMIC_RELAXED);
}

static inline bool concerns_us(int cmd, long arg)
{
	if (unlikely(cmd == F_SETFL && (arg & O_ASYNC)))
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

/* The other way to take close-on-exec away; Python's way. */
void rf_ioctl(int fd, unsigned long request)
{
	if (request == FIOASYNC)
		__atomic_store_n(&async_seen, true, __ATOMIC_RELAXED);
	if (request == FIONCLEX && (fdhint_get(fd) & HINT_STREAM) && start_ready())
		fdhint_record(fd)->flags &= (uint32_t)~REC_CLOEXEC;
}

EXPORT(int, ioctl, (int fd, unsigned long request, void *arg))
{
	if (unlikely(request == FIONCLEX || request == FIOASYNC))
		rf_ioctl(fd, request);
	return libc_ioctl(fd, request, arg);
}
