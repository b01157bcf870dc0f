/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_TEST_RIGHTS_H
#define RSTFIX_TEST_RIGHTS_H

/* Descriptors that travel over a unix socket (SCM_RIGHTS). For programs of one file. */

#include "victim.h"

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr head;
};

static inline void send_descriptor(int over, int fd)
{
	union control control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
					 .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS}};
	struct iovec part = {"x", 1};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	if (sendmsg(over, &message, 0) != 1)
		err(1, "sendmsg");
}

/* By libc's recvmsg(), or by syscall(). -1: nobody sends any more. */
static inline int receive_descriptor(int over, bool by_syscall)
{
	union control control;
	char byte;
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	long n;
	int fd;

	if (by_syscall)
		n = syscall(SYS_recvmsg, over, &message, MSG_CMSG_CLOEXEC);
	else
		n = recvmsg(over, &message, MSG_CMSG_CLOEXEC);
	if (n != 1)
		return -1;
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return fd;
}

#endif
