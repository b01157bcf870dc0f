/* SPDX-License-Identifier: MIT */
#include "rights.h"

#include "../base/start.h"
#include "../detect/facts.h"
#include "export.h"

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
	if (fdhint_get(fd) & HINT_STREAM)
		fdhint_record(fd)->flags |= REC_SHARED;
}

static void received(int fd)
{
	if (!watched(fd))
		return;
	fdhint_forget(fd);
	if (!facts_is_tcp(fd))
		return;
	fdhint_begin(fd, HINT_STREAM)->flags = REC_SHARED;
	facts_expect_linger();
}

void rights_sent(const struct msghdr *msg)
{
	if (!msg->msg_control || msg->msg_controllen < CMSG_LEN(sizeof(int)) || !watched(0))
		return;
	if (start_ready())
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
