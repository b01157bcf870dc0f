/* SPDX-License-Identifier: MIT */
#include "rights.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "../detect/facts.h"
#include "../detect/family.h"
#include "export.h"
#include "pressure.h"

#include <string.h>

static void each(struct msghdr *msg, void (*visit)(int fd))
{
	char *end = (char *)msg->msg_control + msg->msg_controllen;
	struct cmsghdr *c;
	size_t n, i;
	int fd;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_len < CMSG_LEN(0) || c->cmsg_len > (size_t)(end - (char *)c))
			return;
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			visit(fd);
		}
	}
}

static void sent(int fd)
{
	if (!(fdhint_get(fd) & HINT_STREAM))
		return;
	if (start_may_note())
		family_given(fdhint_record(fd));
	else
		family_taken(fdhint_record(fd));
}

static void received(int fd)
{
	if (!watched(fd) || !start_ready())
		return;
	fdhint_forget(fd);
	if (!facts_is_tcp(fd))
		return;
	start_found(fd);
}

void rights_sent(const struct msghdr *msg)
{
	if (!msg->msg_control || msg->msg_controllen < CMSG_LEN(sizeof(int)) || !watched(0))
		return;
	each((struct msghdr *)msg, sent);
}

void rights_sent_many(const struct mmsghdr *msgs, int count)
{
	int i;

	for (i = 0; i < count; i++)
		rights_sent(&msgs[i].msg_hdr);
}

void rights_received(struct msghdr *msg)
{
	if (!msg->msg_control || msg->msg_controllen < CMSG_LEN(0) || !watched(0))
		return;
	if (start_ready())
		each(msg, received);
}

void rights_received_many(struct mmsghdr *msgs, int count)
{
	int i;

	for (i = 0; i < count; i++)
		rights_received(&msgs[i].msg_hdr);
}

static int rf_pidfd_getfd(int (*real)(int, int, unsigned), int pidfd, int fd, unsigned flags)
{
	int before = errno, r = real(pidfd, fd, flags);

	if (out_of_descriptors(r, before))
		r = real(pidfd, fd, flags);
	if (r >= 0)
		received(r);
	if (r >= 0 && watched(r) && fdhint_get(r))
		family_robbed();
	return r;
}

static int getfd_by_syscall(int pidfd, int fd, unsigned flags)
{
	return (int)libc_syscall(SYS_pidfd_getfd, pidfd, fd, flags, 0, 0, 0);
}

int rf_syscall_pidfd_getfd(int pidfd, int fd, unsigned flags)
{
	return rf_pidfd_getfd(getfd_by_syscall, pidfd, fd, flags);
}

EXPORT(int, pidfd_getfd, (int pidfd, int fd, unsigned flags))
{
	return rf_pidfd_getfd(libc_pidfd_getfd, pidfd, fd, flags);
}
