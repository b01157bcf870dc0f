/* SPDX-License-Identifier: MIT */
#include "trim.h"

#include "filter.h"

static const struct sock_filter trim[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FILTER_DATA_OFFSET),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0),
	BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 2),
	BPF_STMT(BPF_MISC | BPF_TAX, 0), /* X: the header's length */
	BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
	BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 0), /* no payload: all of it */
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FILTER_FLAGS),
	/* A FIN behind payload that was not taken is out of order: it comes again. */
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, FILTER_FIN, 3, 0),
	BPF_STMT(BPF_MISC | BPF_TXA, 0),
	BPF_STMT(BPF_RET | BPF_A, 0),
	BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

bool trim_attach(int fd)
{
	return filter_attach(fd, trim, sizeof(trim) / sizeof(trim[0]));
}

void trim_detach(int fd)
{
	if (filter_length(fd) == sizeof(trim) / sizeof(trim[0]))
		filter_detach(fd);
}
