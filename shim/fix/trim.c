/* SPDX-License-Identifier: MIT */
#include "trim.h"

#include "../base/sys.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define DATA_OFFSET 12 /* of a TCP header, in its upper four bits, in words of four bytes */
#define FLAGS	    13
#define FLAG_FIN    1

/* Offsets count from the TCP header; what is returned is how many bytes are kept. */
static const struct sock_filter trim[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, DATA_OFFSET),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0),
	BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 2),
	BPF_STMT(BPF_MISC | BPF_TAX, 0), /* X: the header's length */
	BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
	BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 0), /* no payload: all of it */
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS),
	/* A FIN behind payload that was not taken is out of order: it comes again. */
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, FLAG_FIN, 3, 0),
	BPF_STMT(BPF_MISC | BPF_TXA, 0),
	BPF_STMT(BPF_RET | BPF_A, 0),
	BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

static bool denied;

static bool is_plain_tcp(int fd)
{
	int protocol = 0;
	socklen_t len = sizeof(protocol);

	return sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0 &&
		protocol == IPPROTO_TCP;
}

/* Without room the kernel tells only how long it is; of an eBPF program it says EACCES. */
static bool has_filter(int fd)
{
	socklen_t len = 0;

	return sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_GET_FILTER, 0, &len) < 0 || len > 0;
}

bool trim_attach(int fd)
{
	struct sock_fprog program = {sizeof(trim) / sizeof(trim[0]), (struct sock_filter *)trim};
	long r;

	if (__atomic_load_n(&denied, __ATOMIC_RELAXED) || !is_plain_tcp(fd) || has_filter(fd))
		return false;
	r = sys5(SYS_setsockopt, fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
	if (r == -EPERM)
		__atomic_store_n(&denied, true, __ATOMIC_RELAXED);
	return r == 0;
}
