/* SPDX-License-Identifier: MIT */
#include "../base/start.h"
#include "../detect/family.h"
#include "../fix/deferred.h"
#include "closing.h"
#include "export.h"
#include "failure.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* Re-arming keeps the first arming: what counts is what the program has done since. */
static void armed(int fd, const void *caller)
{
	struct fdrec *rec = fdhint_record(fd);
	struct facts f;

	if (!facts_ask(fd, 0, &f))
		return;
	if ((rec->flags & REC_ARMED) && rec->cookie == f.cookie)
		return;
	if (rec->cookie && rec->cookie != f.cookie) { /* not the socket that was seen being made */
		rec->flags &= (uint32_t)~REC_MADE;
		family_forget(rec);
	}
	rec->flags |= REC_ARMED;
	rec->flags &= (uint32_t)~REC_READ_SINCE;
	rec->cookie = f.cookie;
	rec->armed_written = f.written;
	rec->armed_site = (uint16_t)event_callsite(OP_SETSOCKOPT, caller);
	fdhint_set(fd, HINT_ARMED);
}

static void disarmed(int fd)
{
	struct fdrec *rec = fdhint_record(fd);

	rec->flags &= (uint32_t) ~(REC_ARMED | REC_ARMED_LISTENER | REC_READ_SINCE);
	rec->armed_site = 0;
	fdhint_unset(fd, HINT_ARMED);
}

static bool is_linger(int level, int name, const void *value, socklen_t len)
{
	return level == SOL_SOCKET && name == SO_LINGER && value && len >= sizeof(struct linger);
}

static bool is_linger2(int level, int name, const void *value, socklen_t len)
{
	return level == IPPROTO_TCP && name == TCP_LINGER2 && value && len >= sizeof(int);
}

static void linger2_set(int fd, const void *value, const void *caller)
{
	int sec;

	memcpy(&sec, value, sizeof(sec)); /* the kernel could read it */
	if (sec < 0)
		facts_expect_linger2();
	if (!(fdhint_get(fd) & HINT_STREAM) || !start_ready())
		return;
	fdhint_record(fd)->linger2_site =
		sec < 0 ? (uint16_t)event_callsite(OP_SETSOCKOPT, caller) : 0;
}

static bool is_repair(int level, int name)
{
	return level == IPPROTO_TCP && name == TCP_REPAIR;
}

/*
 * Its connection is moved to another socket, or comes from one: a close in repair mode sends nothing,
 * and nothing may be sent before it. Not watched any more, nor by who else holds it.
 */
static void repaired(int fd)
{
	if (!(fdhint_get(fd) & HINT_STREAM))
		return;
	if (!start_may_note()) {
		family_taken(fdhint_record(fd));
		return;
	}
	if (fdhint_get(fd) & HINT_DEFERRED)
		deferred_settle(fd);
	family_given(fdhint_record(fd));
	fdhint_forget(fd);
}

/* SO_ATTACH_FILTER is SO_GET_FILTER; what is locked could not be detached any more. */
static inline bool is_filter(int level, int name)
{
	return level == SOL_SOCKET &&
		(name == SO_ATTACH_FILTER || name == SO_DETACH_FILTER || name == SO_ATTACH_BPF ||
			name == SO_LOCK_FILTER);
}

int rf_setsockopt(int fd, int level, int name, const void *value, socklen_t len, const void *caller)
{
	struct linger linger;
	int r;

	if (unlikely(is_filter(level, name)))
		deferred_untrim(fd);
	r = libc_setsockopt(fd, level, name, value, len);
	if (unlikely(r == 0 && is_linger2(level, name, value, len)))
		linger2_set(fd, value, caller);
	if (unlikely(r == 0 && is_repair(level, name)))
		repaired(fd);
	if (likely(r != 0 || !is_linger(level, name, value, len)))
		return r;
	facts_expect_linger_zero();
	if (!(fdhint_get(fd) & HINT_STREAM) || !start_ready())
		return r;
	memcpy(&linger, value, sizeof(linger)); /* the kernel could read it */
	if (linger.l_onoff && linger.l_linger == 0)
		armed(fd, caller);
	else
		disarmed(fd);
	return r;
}

EXPORT(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t len))
{
	return rf_setsockopt(fd, level, name, value, len, CALLER());
}

/* Reading SO_ERROR takes the error away: whoever reads it is the one to be told. */
static void error_read(int fd, const void *value, const socklen_t *len, const void *caller)
{
	int saved = errno, error = 0;

	if (value && len && *len >= sizeof(error))
		memcpy(&error, value, sizeof(error));
	if (error)
		failure_tell(fd, error, false, OP_GETSOCKOPT, caller);
	errno = saved;
}

EXPORT(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *len))
{
	int r;

	if (unlikely(is_filter(level, name)))
		deferred_untrim(fd);
	if (likely(name != SO_ERROR || level != SOL_SOCKET || !fdhint_get(fd)))
		return libc_getsockopt(fd, level, name, value, len);
	r = libc_getsockopt(fd, level, name, value, len);
	if (r == 0)
		error_read(fd, value, len, CALLER());
	return r;
}
