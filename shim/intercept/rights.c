/* SPDX-License-Identifier: MIT */
#include "rights.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "../detect/facts.h"
#include "export.h"

#include <string.h>

/* SCM_MAX_FD of the kernel is 253; there may be other control messages beside. */
#define CONTROL_MAX 2048
/* What sendmmsg() takes at most (UIO_MAXIOV). */
#define MESSAGES_MAX 1024

/* A copy by the kernel, which says where memory cannot be read instead of dying of it. */
static bool copy_in(void *to, const void *from, size_t len)
{
	struct iovec local = {to, len}, remote = {(void *)from, len};

	return sys6(SYS_process_vm_readv, self.pid, (long)&local, 1, (long)&remote, 1, 0) ==
		(long)len;
}

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

static void look_at(const struct msghdr *program)
{
	_Alignas(struct cmsghdr) char control[CONTROL_MAX];
	struct msghdr msg;

	if (!copy_in(&msg, program, sizeof(msg)) || !msg.msg_control ||
		msg.msg_controllen < CMSG_LEN(sizeof(int)))
		return;
	if (msg.msg_controllen > sizeof(control))
		msg.msg_controllen = sizeof(control);
	if (!copy_in(control, msg.msg_control, msg.msg_controllen))
		return;
	msg.msg_control = control;
	each(&msg, sent);
}

/* Only what might be a socket of ours that is being sent: none, no question. */
void rights_sent(const struct msghdr *msg)
{
	if (msg && fdhint_high() && watched(0) && start_ready())
		look_at(msg);
}

void rights_sent_many(const struct mmsghdr *msgs, unsigned count)
{
	unsigned i;

	if (!msgs || !fdhint_high() || !watched(0) || !start_ready())
		return;
	for (i = 0; i < count && i < MESSAGES_MAX; i++)
		look_at(&msgs[i].msg_hdr);
}

void rights_received(struct msghdr *msg)
{
	if (!msg->msg_control || msg->msg_controllen < CMSG_LEN(0) || !watched(0))
		return;
	if (start_ready())
		each(msg, received);
}
