/* SPDX-License-Identifier: MIT */
#include "../base/start.h"
#include "../detect/in_flight.h"
#include "../fix/deferred.h"
#include "../log/unwind.h"
#include "closing.h"
#include "export.h"
#include "failure.h"
#include "pressure.h"
#include "rights.h"

#include <errno.h>
#include <netinet/tcp.h>

/* Anything but data on a socket without special hints comes here. errno is kept. */
static __attribute__((noinline, cold)) void read_done(
	int fd, ssize_t r, bool wanted, enum op op, const void *caller)
{
	int saved = errno;
	unsigned hint = fdhint_get(fd);
	struct fdrec *rec;

	if (r < 0) {
		if (saved != EAGAIN && saved != EINTR)
			failure_tell(fd, saved, false, op, caller);
		errno = saved;
		return;
	}
	if (!(hint & HINT_STREAM) || !start_ready())
		return;
	rec = fdhint_record(fd);
	if (r > 0 && (hint & HINT_ARMED)) {
		rec->flags |= REC_READ_SINCE;
		fdhint_unset(fd, HINT_ARMED);
	}
	/* 0 also comes where the program itself has shut the reading side down. */
	if (r == 0 && wanted && !(hint & HINT_EOF) && !(rec->flags & REC_SHUT_RD))
		fdhint_set(fd, HINT_EOF);
}

static __attribute__((noinline, cold)) void write_failed(int fd, enum op op, const void *caller)
{
	int saved = errno;

	if (saved != EAGAIN && saved != EINTR)
		failure_tell(fd, saved, true, op, caller);
	errno = saved;
}

static __attribute__((noinline, cold)) void write_after_eof(int fd, enum op op, const void *caller)
{
	int saved = errno;

	failure_before_write(fd, op, caller);
	errno = saved;
}

static bool any_room(const struct iovec *iov, size_t count)
{
	size_t i;

	for (i = 0; iov && i < count; i++)
		if (iov[i].iov_len)
			return true;
	return false;
}

/*
 * Three functions a door. The exported one decides by the hint alone and jumps: what is no TCP
 * socket costs nine instructions. The second is for TCP sockets, and keeps so little over the call
 * that it stays within 25. The third is for hints that are rare. They jump to each other, so that
 * the return address is the program's in each of them.
 */
#define READ_DOOR(name, params, args, tcp_params, tcp_args, wanted, op) \
	static __attribute__((noinline, cold)) ssize_t rare_##name tcp_params \
	{ \
		ssize_t r; \
\
		if ((hint & HINT_UNWINDER) && unwind_is_caller(CALLER())) \
			return unwind_probe_read(); \
		if (hint & HINT_DEFERRED) \
			deferred_settle(fd); \
		r = libc_##name args; \
		read_done(fd, r, r == 0 && (wanted), op, CALLER()); \
		return r; \
	} \
	static __attribute__((noinline)) ssize_t tcp_##name tcp_params \
	{ \
		ssize_t r; \
\
		if (unlikely(hint & (HINT_UNWINDER | HINT_ARMED | HINT_DEFERRED))) \
			return rare_##name tcp_args; \
		r = libc_##name args; \
		if (unlikely(r <= 0)) \
			read_done(fd, r, r == 0 && (wanted), op, CALLER()); \
		return r; \
	} \
	EXPORT(ssize_t, name, params) \
	{ \
		unsigned hint = fdhint_get(fd); \
\
		if (likely(!hint)) \
			return libc_##name args; \
		return tcp_##name tcp_args; \
	}

#define WRITE_DOOR(name, params, args, tcp_params, tcp_args, op) \
	static __attribute__((noinline, cold)) ssize_t rare_##name tcp_params \
	{ \
		ssize_t r; \
\
		if ((hint & HINT_UNWINDER) && unwind_is_caller(CALLER())) \
			return unwind_probe_write(buf, len); \
		write_after_eof(fd, op, CALLER()); \
		r = libc_##name args; \
		if (unlikely(r < 0)) \
			write_failed(fd, op, CALLER()); \
		return r; \
	} \
	static __attribute__((noinline)) ssize_t tcp_##name tcp_params \
	{ \
		ssize_t r; \
\
		if (unlikely(hint & (HINT_EOF | HINT_UNWINDER))) \
			return rare_##name tcp_args; \
		r = libc_##name args; \
		if (unlikely(r < 0)) \
			write_failed(fd, op, CALLER()); \
		return r; \
	} \
	EXPORT(ssize_t, name, params) \
	{ \
		unsigned hint = fdhint_get(fd); \
\
		if (likely(!hint)) \
			return libc_##name args; \
		return tcp_##name tcp_args; \
	}

READ_DOOR(read, (int fd, void *buf, size_t len), (fd, buf, len),
	(int fd, void *buf, size_t len, unsigned hint), (fd, buf, len, hint), len > 0, OP_READ)
READ_DOOR(__read, (int fd, void *buf, size_t len), (fd, buf, len),
	(int fd, void *buf, size_t len, unsigned hint), (fd, buf, len, hint), len > 0, OP_READ)
READ_DOOR(__read_chk, (int fd, void *buf, size_t len, size_t size), (fd, buf, len, size),
	(int fd, void *buf, size_t len, size_t size, unsigned hint), (fd, buf, len, size, hint),
	len > 0, OP_READ)
READ_DOOR(readv, (int fd, const struct iovec *iov, int count), (fd, iov, count),
	(int fd, const struct iovec *iov, int count, unsigned hint), (fd, iov, count, hint),
	any_room(iov, (size_t)count), OP_READV)
READ_DOOR(preadv2, (int fd, const struct iovec *iov, int count, long at, int flags),
	(fd, iov, count, at, flags),
	(int fd, const struct iovec *iov, int count, off_t at, int flags, unsigned hint),
	(fd, iov, count, at, flags, hint), any_room(iov, (size_t)count), OP_READV)
READ_DOOR(preadv64v2, (int fd, const struct iovec *iov, int count, off_t at, int flags),
	(fd, iov, count, at, flags),
	(int fd, const struct iovec *iov, int count, off_t at, int flags, unsigned hint),
	(fd, iov, count, at, flags, hint), any_room(iov, (size_t)count), OP_READV)
READ_DOOR(recv, (int fd, void *buf, size_t len, int flags), (fd, buf, len, flags),
	(int fd, void *buf, size_t len, int flags, unsigned hint), (fd, buf, len, flags, hint),
	len > 0, OP_RECV)
READ_DOOR(__recv, (int fd, void *buf, size_t len, int flags), (fd, buf, len, flags),
	(int fd, void *buf, size_t len, int flags, unsigned hint), (fd, buf, len, flags, hint),
	len > 0, OP_RECV)
READ_DOOR(__recv_chk, (int fd, void *buf, size_t len, size_t size, int flags),
	(fd, buf, len, size, flags),
	(int fd, void *buf, size_t len, size_t size, int flags, unsigned hint),
	(fd, buf, len, size, flags, hint), len > 0, OP_RECV)
READ_DOOR(recvfrom, (int fd, void *buf, size_t len, int flags, void *addr, socklen_t *alen),
	(fd, buf, len, flags, addr, alen),
	(int fd, void *buf, size_t len, int flags, void *addr, socklen_t *alen, unsigned hint),
	(fd, buf, len, flags, addr, alen, hint), len > 0, OP_RECVFROM)
READ_DOOR(__recvfrom_chk,
	(int fd, void *buf, size_t len, size_t size, int flags, void *addr, socklen_t *alen),
	(fd, buf, len, size, flags, addr, alen),
	(int fd, void *buf, size_t len, size_t size, int flags, void *addr, socklen_t *alen,
		unsigned hint),
	(fd, buf, len, size, flags, addr, alen, hint), len > 0, OP_RECVFROM)
WRITE_DOOR(write, (int fd, const void *buf, size_t len), (fd, buf, len),
	(int fd, const void *buf, size_t len, unsigned hint), (fd, buf, len, hint), OP_WRITE)
WRITE_DOOR(__write, (int fd, const void *buf, size_t len), (fd, buf, len),
	(int fd, const void *buf, size_t len, unsigned hint), (fd, buf, len, hint), OP_WRITE)
WRITE_DOOR(send, (int fd, const void *buf, size_t len, int flags), (fd, buf, len, flags),
	(int fd, const void *buf, size_t len, int flags, unsigned hint),
	(fd, buf, len, flags, hint), OP_SEND)
WRITE_DOOR(__send, (int fd, const void *buf, size_t len, int flags), (fd, buf, len, flags),
	(int fd, const void *buf, size_t len, int flags, unsigned hint),
	(fd, buf, len, flags, hint), OP_SEND)
WRITE_DOOR(sendto,
	(int fd, const void *buf, size_t len, int flags, const void *addr, socklen_t alen),
	(fd, buf, len, flags, addr, alen),
	(int fd, const void *buf, size_t len, int flags, const void *addr, socklen_t alen,
		unsigned hint),
	(fd, buf, len, flags, addr, alen, hint), OP_SENDTO)

EXPORT(ssize_t, writev, (int fd, const struct iovec *iov, int count))
{
	unsigned hint = fdhint_get(fd);
	ssize_t r;

	if (likely(!hint))
		return libc_writev(fd, iov, count);
	if (unlikely(hint & HINT_EOF))
		write_after_eof(fd, OP_WRITEV, CALLER());
	r = libc_writev(fd, iov, count);
	if (unlikely(r < 0))
		write_failed(fd, OP_WRITEV, CALLER());
	return r;
}

/* An error may be that of either end: none is told of here. */
EXPORT(ssize_t, splice, (int in, off_t *in_at, int out, off_t *out_at, size_t len, unsigned flags))
{
	struct in_flight *call;
	ssize_t r;

	deferred_before();
	call = in_flight_enter(in, out);
	r = libc_splice(in, in_at, out, out_at, len, flags);
	in_flight_leave(call);
	return r;
}

static ssize_t rf_sendfile(
	ssize_t (*real)(int, int, void *, size_t), int out, int in, void *at, size_t len)
{
	struct in_flight *call = in_flight_enter(in, out);
	ssize_t r = real(out, in, at, len);

	in_flight_leave(call);
	return r;
}

EXPORT(ssize_t, sendfile, (int out, int in, void *at, size_t len))
{
	return rf_sendfile(libc_sendfile, out, in, at, len);
}

EXPORT(ssize_t, sendfile64, (int out, int in, void *at, size_t len))
{
	return rf_sendfile(libc_sendfile64, out, in, at, len);
}

EXPORT(ssize_t, recvmsg, (int fd, struct msghdr *msg, int flags))
{
	unsigned hint;
	ssize_t r;

	deferred_before();
	pressure_before_rights(fd, msg);
	r = libc_recvmsg(fd, msg, flags);
	hint = fdhint_get(fd);
	if (r >= 0) /* the kernel has read and written it */
		rights_received(msg);
	if (unlikely(hint && (r <= 0 || (hint & HINT_ARMED))))
		read_done(fd, r, r == 0 && any_room(msg->msg_iov, msg->msg_iovlen), OP_RECVMSG,
			CALLER());
	return r;
}

EXPORT(int, recvmmsg,
	(int fd, struct mmsghdr *msgs, unsigned count, int flags, struct timespec *timeout))
{
	unsigned hint;
	struct msghdr *last;
	int r;

	deferred_before();
	if (count)
		pressure_before_rights(fd, &msgs->msg_hdr);
	r = libc_recvmmsg(fd, msgs, count, flags, timeout);
	hint = fdhint_get(fd);
	rights_received_many(msgs, r);
	if (likely(!hint))
		return r;
	if (r < 0) {
		read_done(fd, r, false, OP_RECVMMSG, CALLER());
	} else if (r > 0) {
		last = &msgs[r - 1].msg_hdr;
		read_done(fd, msgs[r - 1].msg_len, any_room(last->msg_iov, last->msg_iovlen),
			OP_RECVMMSG, CALLER());
	}
	return r;
}

/* What is no TCP socket may be the one by which descriptors travel. */
EXPORT(ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags))
{
	unsigned hint = fdhint_get(fd);
	struct rights rights;
	ssize_t r;

	if (!hint)
		deferred_before();
	if (unlikely(hint & HINT_EOF))
		write_after_eof(fd, OP_SENDMSG, CALLER());
	if (!(hint & HINT_STREAM))
		rights_begin(&rights, msg);
	r = libc_sendmsg(fd, msg, flags);
	if (!(hint & HINT_STREAM))
		rights_end(&rights, r >= 0);
	else if (r >= 0)
		rights_sent(msg);
	if (unlikely(r < 0 && hint))
		write_failed(fd, OP_SENDMSG, CALLER());
	return r;
}

static int rf_sendmmsg(int (*real)(int, struct mmsghdr *, unsigned, int), int fd,
	struct mmsghdr *msgs, unsigned count, int flags, const void *caller)
{
	unsigned hint = fdhint_get(fd);
	struct rights rights;
	int r;

	if (!hint)
		deferred_before();
	if (unlikely(hint & HINT_EOF))
		write_after_eof(fd, OP_SENDMMSG, caller);
	rights_begin_many(&rights, msgs, count);
	r = real(fd, msgs, count, flags);
	rights_end(&rights, r >= 0);
	if (unlikely(r < 0 && hint))
		write_failed(fd, OP_SENDMMSG, caller);
	return r;
}

EXPORT(int, sendmmsg, (int fd, struct mmsghdr *msgs, unsigned count, int flags))
{
	return rf_sendmmsg(libc_sendmmsg, fd, msgs, count, flags, CALLER());
}

EXPORT(int, __sendmmsg, (int fd, struct mmsghdr *msgs, unsigned count, int flags))
{
	return rf_sendmmsg(libc___sendmmsg, fd, msgs, count, flags, CALLER());
}
