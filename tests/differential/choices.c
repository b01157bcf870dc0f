/* SPDX-License-Identifier: MIT */
#include "program.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define END \
	{ \
		NULL, \
		{ \
			0 \
		} \
	}

static const struct choice socket_types[] = {
	{"SOCK_STREAM", {SOCK_STREAM}},
	{"SOCK_STREAM|SOCK_NONBLOCK", {SOCK_STREAM | SOCK_NONBLOCK}},
	{"SOCK_STREAM|SOCK_CLOEXEC", {SOCK_STREAM | SOCK_CLOEXEC}},
	{"SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC", {SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC}},
	{"SOCK_DGRAM", {SOCK_DGRAM}},
	END,
};

static const struct choice accept_flags[] = {
	{"accept", {-1}},
	{"accept4:0", {0}},
	{"SOCK_NONBLOCK", {SOCK_NONBLOCK}},
	{"SOCK_CLOEXEC", {SOCK_CLOEXEC}},
	{"SOCK_NONBLOCK|SOCK_CLOEXEC", {SOCK_NONBLOCK | SOCK_CLOEXEC}},
	END,
};

static const struct choice hows[] = {{"SHUT_RD", {SHUT_RD}}, {"SHUT_WR", {SHUT_WR}},
	{"SHUT_RDWR", {SHUT_RDWR}}, {"3", {3}}, END};

/* level, name, value; SO_LINGER: {value, v[3]} */
static const struct choice set_options[] = {
	{"SO_LINGER=1,0", {SOL_SOCKET, SO_LINGER, 1, 0}},
	{"SO_LINGER=0,0", {SOL_SOCKET, SO_LINGER, 0, 0}},
	{"SO_LINGER=1,1", {SOL_SOCKET, SO_LINGER, 1, 1}},
	{"TCP_LINGER2=-1", {IPPROTO_TCP, TCP_LINGER2, -1}},
	{"TCP_LINGER2=0", {IPPROTO_TCP, TCP_LINGER2, 0}},
	{"TCP_LINGER2=5", {IPPROTO_TCP, TCP_LINGER2, 5}},
	{"SO_RCVLOWAT=1", {SOL_SOCKET, SO_RCVLOWAT, 1}},
	{"SO_RCVLOWAT=200", {SOL_SOCKET, SO_RCVLOWAT, 200}},
	{"SO_OOBINLINE=1", {SOL_SOCKET, SO_OOBINLINE, 1}},
	{"SO_KEEPALIVE=1", {SOL_SOCKET, SO_KEEPALIVE, 1}},
	{"TCP_NODELAY=1", {IPPROTO_TCP, TCP_NODELAY, 1}},
	{"TCP_CORK=1", {IPPROTO_TCP, TCP_CORK, 1}},
	{"TCP_CORK=0", {IPPROTO_TCP, TCP_CORK, 0}},
	END,
};

static const struct choice get_options[] = {
	{"SO_LINGER", {SOL_SOCKET, SO_LINGER, 8}},
	{"TCP_LINGER2", {IPPROTO_TCP, TCP_LINGER2, 4}},
	{"SO_ERROR", {SOL_SOCKET, SO_ERROR, 4}},
	{"SO_RCVLOWAT", {SOL_SOCKET, SO_RCVLOWAT, 4}},
	{"SO_TYPE", {SOL_SOCKET, SO_TYPE, 4}},
	{"SO_ACCEPTCONN", {SOL_SOCKET, SO_ACCEPTCONN, 4}},
	{"SO_OOBINLINE", {SOL_SOCKET, SO_OOBINLINE, 4}},
	{"SO_REUSEADDR", {SOL_SOCKET, SO_REUSEADDR, 4}},
	{"SO_KEEPALIVE", {SOL_SOCKET, SO_KEEPALIVE, 4}},
	{"TCP_INFO", {IPPROTO_TCP, TCP_INFO, 1}}, /* the state */
	END,
};

static const struct choice requests[] = {
	{"FIONREAD", {FIONREAD, 0}},
	{"SIOCATMARK", {SIOCATMARK, 0}},
	{"FIONBIO=0", {FIONBIO, 0}},
	{"FIONBIO=1", {FIONBIO, 1}},
	{"FIOCLEX", {FIOCLEX, 0}},
	{"FIONCLEX", {FIONCLEX, 0}},
	END,
};

static const struct choice controls[] = {
	{"F_GETFL", {F_GETFL, 0}},
	{"F_GETFD", {F_GETFD, 0}},
	{"F_SETFL=0", {F_SETFL, 0}},
	{"F_SETFL=O_NONBLOCK", {F_SETFL, O_NONBLOCK}},
	{"F_SETFD=0", {F_SETFD, 0}},
	{"F_SETFD=FD_CLOEXEC", {F_SETFD, FD_CLOEXEC}},
	END,
};

static const struct choice read_flags[] = {
	{"0", {0}},
	{"MSG_PEEK", {MSG_PEEK}},
	{"MSG_DONTWAIT", {MSG_DONTWAIT}},
	{"MSG_PEEK|MSG_DONTWAIT", {MSG_PEEK | MSG_DONTWAIT}},
	{"MSG_OOB", {MSG_OOB}},
	{"MSG_TRUNC|MSG_DONTWAIT", {MSG_TRUNC | MSG_DONTWAIT}},
	{"MSG_WAITALL", {MSG_WAITALL}},
	END,
};

static const struct choice write_flags[] = {
	{"0", {0}},
	{"MSG_NOSIGNAL", {MSG_NOSIGNAL}},
	{"MSG_DONTWAIT", {MSG_DONTWAIT}},
	{"MSG_OOB", {MSG_OOB}},
	{"MSG_MORE", {MSG_MORE}},
	END,
};

static const struct choice read_bys[] = {{"read", {0}}, {"recv", {1}}, {"recvfrom", {2}},
	{"recvmsg", {3}}, {"readv", {4}}, {"recvmmsg", {5}}, {"splice", {6}}, {"preadv2", {7}},
	{"syscall:recvfrom", {8}}, END};

static const struct choice write_bys[] = {{"write", {0}}, {"send", {1}}, {"sendto", {2}},
	{"sendmsg", {3}}, {"writev", {4}}, {"sendmmsg", {5}}, END};

static const struct choice epoll_ops[] = {{"EPOLL_CTL_ADD", {EPOLL_CTL_ADD}},
	{"EPOLL_CTL_MOD", {EPOLL_CTL_MOD}}, {"EPOLL_CTL_DEL", {EPOLL_CTL_DEL}}, END};

static const struct choice epoll_events[] = {
	{"EPOLLIN", {EPOLLIN}},
	{"EPOLLOUT", {EPOLLOUT}},
	{"EPOLLIN|EPOLLRDHUP", {EPOLLIN | EPOLLRDHUP}},
	{"EPOLLIN|EPOLLET", {EPOLLIN | (int)EPOLLET}},
	{"EPOLLIN|EPOLLOUT|EPOLLRDHUP|EPOLLET", {EPOLLIN | EPOLLOUT | EPOLLRDHUP | (int)EPOLLET}},
	{"EPOLLIN|EPOLLONESHOT", {EPOLLIN | EPOLLONESHOT}},
	{"0", {0}},
	END,
};

static const struct choice poll_events[] = {
	{"POLLIN", {POLLIN}},
	{"POLLOUT", {POLLOUT}},
	{"POLLIN|POLLOUT|POLLRDHUP|POLLPRI", {POLLIN | POLLOUT | POLLRDHUP | POLLPRI}},
	{"0", {0}},
	END,
};

static const struct choice dup_bys[] = {{"dup", {0}}, {"F_DUPFD", {1}}, {"F_DUPFD_CLOEXEC", {2}},
	{"dup2", {3}}, {"dup3", {4}}, {"dup3:O_CLOEXEC", {5}}, END};

static const struct choice close_bys[] = {
	{"close", {0}}, {"syscall", {1}}, {"close_range", {2}}, {"closefrom", {3}}, END};

static const struct choice file_kinds[] = {{"/dev/null", {0}}, {"/dev/zero", {1}}, {"memfd", {2}},
	{"eventfd", {3}}, {"pipe", {4}}, {"socketpair", {5}}, END};

static const struct choice stream_modes[] = {
	{"fwrite-fclose", {0}}, {"fread-fclose", {1}}, {"fwrite-freopen", {2}}, END};

static const struct choice children[] = {{"a", {CHILD_A}}, {"b", {CHILD_B}}, END};

static const struct choice exit_bys[] = {
	{"_exit", {0}}, {"exit", {1}}, {"quick_exit", {2}}, {"exit_group", {3}}, END};

static const struct choice spawn_bys[] = {
	{"vfork-exec", {0}},
	{"vfork-close", {1}},
	{"vfork-close-exec", {2}},
	{"vfork-dup2-exec", {3}},
	{"posix_spawn", {4}},
	{"fork-exec", {5}},
	{"fork-close", {6}},
	{"system", {7}},
	{"popen", {8}},
	END,
};

static const struct choice wait_bys[] = {{"recv", {0}}, {"read", {1}}, {"poll", {2}},
	{"select", {3}}, {"epoll_wait", {4}}, {"accept", {5}}, END};

static const struct choice names_of[] = {{"getsockname", {0}}, {"getpeername", {1}}, END};

static const struct choice *const lists[ARG_KINDS] = {
	[SOCKET_TYPE] = socket_types,
	[ACCEPT_FLAGS] = accept_flags,
	[HOW] = hows,
	[SET_OPTION] = set_options,
	[GET_OPTION] = get_options,
	[REQUEST] = requests,
	[CONTROL] = controls,
	[READ_FLAGS] = read_flags,
	[WRITE_FLAGS] = write_flags,
	[READ_BY] = read_bys,
	[WRITE_BY] = write_bys,
	[EPOLL_OP] = epoll_ops,
	[EPOLL_EVENTS] = epoll_events,
	[POLL_EVENTS] = poll_events,
	[DUP_BY] = dup_bys,
	[CLOSE_BY] = close_bys,
	[FILE_KIND] = file_kinds,
	[STREAM_MODE] = stream_modes,
	[CHILD] = children,
	[EXIT_BY] = exit_bys,
	[SPAWN_BY] = spawn_bys,
	[NAME_OF] = names_of,
	[WAIT_BY] = wait_bys,
};

const struct choice *choices_of(enum arg_kind kind)
{
	return lists[kind];
}

int choices_count(enum arg_kind kind)
{
	int n = 0;

	while (lists[kind][n].name)
		n++;
	return n;
}
