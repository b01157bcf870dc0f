/* SPDX-License-Identifier: MIT */
#include "rights.h"

#include "../base/readable.h"
#include "../base/start.h"
#include "../base/sys.h"
#include "../detect/facts.h"
#include "../detect/family.h"
#include "../detect/giving.h"
#include "export.h"
#include "pressure.h"

#include <string.h>

#define MESSAGES_MOST 1024 /* UIO_MAXIOV: the kernel takes no more */

/* As the kernel reads them. `known`: it has not yet, and they may lead nowhere; NULL: it has. */
static void each(const struct msghdr *msg, struct readable *known,
	void (*visit)(int fd, struct rights *rights), struct rights *rights)
{
	const char *at = msg->msg_control;
	size_t left = msg->msg_controllen, len, n, i;
	const struct cmsghdr *c;
	int fd;

	for (; left >= CMSG_LEN(0); at += len, left -= len) {
		c = (const struct cmsghdr *)(const void *)at;
		if ((known && !readable(known, c, sizeof(*c))) || c->cmsg_len < CMSG_LEN(0) ||
			c->cmsg_len > left)
			return;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
		len = CMSG_ALIGN(c->cmsg_len);
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			if (known && !readable(known, CMSG_DATA(c), n * sizeof(fd)))
				return;
			for (i = 0; i < n; i++) {
				memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
				visit(fd, rights);
			}
		}
		if (len < c->cmsg_len || len > left)
			return;
	}
}

static void sending(int fd, struct rights *rights)
{
	struct fdrec *rec;

	if (!(fdhint_get(fd) & HINT_STREAM))
		return;
	rec = fdhint_record(fd);
	if (!start_may_note()) {
		family_taken(rec);
	} else if (rights->count == RIGHTS_MOST) {
		family_given(rec);
	} else {
		giving_begin(rec);
		rights->fds[rights->count++] = fd;
	}
}

static void sent(int fd, struct rights *unused)
{
	(void)unused;
	if (!(fdhint_get(fd) & HINT_STREAM))
		return;
	if (start_may_note())
		family_given(fdhint_record(fd));
	else
		family_taken(fdhint_record(fd));
}

static void received(int fd, struct rights *unused)
{
	(void)unused;
	if (!watched(fd) || !start_ready())
		return;
	fdhint_forget(fd);
	if (!facts_is_tcp(fd))
		return;
	start_found(fd);
}

/* What a program without TCP sockets sends is none of ours. */
static bool none_known(void)
{
	return !watched(0) || !fdhint_high();
}

static void look(struct rights *rights, const struct msghdr *msg, struct readable *known)
{
	if (msg->msg_control && msg->msg_controllen >= CMSG_LEN(sizeof(int)))
		each(msg, known, sending, rights);
}

void rights_sent(const struct msghdr *msg)
{
	if (msg->msg_control && msg->msg_controllen >= CMSG_LEN(sizeof(int)) && !none_known())
		each(msg, NULL, sent, NULL);
}

void rights_begin(struct rights *rights, const struct msghdr *msg)
{
	struct readable head = {0}, control = {0};

	rights->count = 0;
	if (none_known() || !readable(&head, msg, sizeof(*msg)))
		return;
	rights->pid = self.pid;
	look(rights, msg, &control);
}

void rights_begin_many(struct rights *rights, const struct mmsghdr *msgs, unsigned count)
{
	struct readable head = {0}, control = {0};
	unsigned i;

	rights->count = 0;
	if (none_known())
		return;
	rights->pid = self.pid;
	for (i = 0; i < count && i < MESSAGES_MOST; i++) {
		if (!readable(&head, &msgs[i], sizeof(msgs[i])))
			return;
		look(rights, &msgs[i].msg_hdr, &control);
	}
}

/*
 * What was not sent is alone again. A child that a handler has forked in between comes back here as
 * well: it is not the one who takes that back.
 */
void rights_end(const struct rights *rights, bool sent)
{
	bool told =
		sent || (rights->count && watched(0) && start_ready() && rights->pid == self.pid);
	unsigned i;

	for (i = 0; told && i < rights->count; i++)
		giving_end(fdhint_record(rights->fds[i]), sent);
}

void rights_received(struct msghdr *msg)
{
	if (!msg->msg_control || msg->msg_controllen < CMSG_LEN(0) || !watched(0))
		return;
	if (start_ready())
		each(msg, NULL, received, NULL);
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
		received(r, NULL);
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
