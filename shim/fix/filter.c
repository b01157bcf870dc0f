/* SPDX-License-Identifier: MIT */
#include "filter.h"

#include "../base/sys.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

static bool denied;

static bool is_plain_tcp(int fd)
{
	int protocol = 0;
	socklen_t len = sizeof(protocol);

	return sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0 &&
		protocol == IPPROTO_TCP;
}

/* Without room the kernel tells only how long it is; of an eBPF program it says EACCES. */
long filter_length(int fd)
{
	socklen_t len = 0;
	long r = sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_GET_FILTER, 0, &len);

	return r < 0 ? r : (long)len;
}

bool filter_attach(int fd, const struct sock_filter *code, unsigned short length)
{
	struct sock_fprog program = {length, (struct sock_filter *)code};
	long r;

	if (__atomic_load_n(&denied, __ATOMIC_RELAXED) || !is_plain_tcp(fd) ||
		filter_length(fd) != 0)
		return false;
	r = sys5(SYS_setsockopt, fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
	if (r == -EPERM)
		__atomic_store_n(&denied, true, __ATOMIC_RELAXED);
	return r == 0;
}

void filter_detach(int fd)
{
	int unused = 0;

	sys5(SYS_setsockopt, fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused));
}
