/* SPDX-License-Identifier: MIT */
#include "facts.h"

#include "../base/sys.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
/* linux/mptcp.h, Linux 5.16 */
#define SOL_MPTCP	284
#define MPTCP_INFO	1
#define MPTCP_FELL_BACK 1U
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* Where tcpi_snd_wnd is, which older headers do not have. */
#define SND_WND 228

/* tcp_states of the kernel; <netinet/tcp.h> has them, but not beside <linux/tcp.h>. */
enum { STATE_CLOSE = 7, STATE_CLOSE_WAIT, STATE_LAST_ACK, STATE_LISTEN, STATE_CLOSING };
enum { STATE_ESTABLISHED = 1, STATE_TIME_WAIT = 6 };

HOT static bool option(int fd, int level, int name, void *value, socklen_t len)
{
	socklen_t got = len;

	return sys5(SYS_getsockopt, fd, level, name, value, &got) == 0;
}

/* SIOCINQ stops at the urgent mark, where a lone urgent byte would reset the close all the same. */
HOT static bool nothing_unread(int fd, int *bytes)
{
	int mark = 0;

	return sys3(SYS_ioctl, fd, SIOCINQ, bytes) == 0 && *bytes == 0 &&
		sys3(SYS_ioctl, fd, SIOCATMARK, &mark) == 0 && !mark;
}

enum { LINGER_ZERO = 1, LINGER2 = 2, LINGER_BOTH = LINGER_ZERO | LINGER2 };

HOT_DATA static uint8_t expected;

void facts_expect_linger_zero(void)
{
	__atomic_fetch_or(&expected, LINGER_ZERO, __ATOMIC_RELAXED);
}

void facts_expect_linger2(void)
{
	__atomic_fetch_or(&expected, LINGER2, __ATOMIC_RELAXED);
}

static bool linger2_is_negative(int fd)
{
	int sec = 0;

	return option(fd, IPPROTO_TCP, TCP_LINGER2, &sec, sizeof(sec)) && sec < 0;
}

static bool linger_is_zero(int fd)
{
	struct linger linger = {0};

	return !option(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) ||
		(linger.l_onoff && linger.l_linger == 0);
}

HOT bool facts_harmless(int fd, bool was_shared, int *unread)
{
	unsigned asked;

	if (!nothing_unread(fd, unread))
		return false;
	asked = was_shared ? LINGER_BOTH : __atomic_load_n(&expected, __ATOMIC_RELAXED);
	if (!asked)
		return true;
	if ((asked & LINGER_ZERO) && linger_is_zero(fd))
		return false;
	return !(asked & LINGER2) || !linger2_is_negative(fd);
}

bool facts_armed(int fd)
{
	return linger_is_zero(fd) || linger2_is_negative(fd);
}

/* Linux 4.18 does not count bytes_sent; acknowledged and queued bytes add up to the same. */
static uint64_t written(const struct tcp_info *ti, socklen_t len, uint64_t unsent)
{
	if (len < offsetof(struct tcp_info, tcpi_bytes_retrans) + sizeof(ti->tcpi_bytes_retrans))
		return ti->tcpi_bytes_acked + unsent;
	return ti->tcpi_bytes_sent - ti->tcpi_bytes_retrans + ti->tcpi_notsent_bytes;
}

HOT static bool has_peer_fin(uint8_t state)
{
	return state == STATE_CLOSE_WAIT || state == STATE_LAST_ACK || state == STATE_CLOSING ||
		state == STATE_TIME_WAIT || state == STATE_CLOSE;
}

/* SIOCINQ of MPTCP says 1 as well where nothing but the end of file is left (Linux, mptcp_inq_hint()). */
static bool only_end_of_file(int fd)
{
	int protocol = 0;
	char byte;

	return option(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, sizeof(protocol)) &&
		protocol == IPPROTO_MPTCP &&
		sys6(SYS_recvfrom, fd, (long)&byte, 1, MSG_PEEK | MSG_DONTWAIT, 0, 0) == 0;
}

/* An urgent byte alone is 1. */
static uint64_t count_unread(int fd, int known)
{
	int mark = 0;

	if (known == 0 && sys3(SYS_ioctl, fd, SIOCINQ, &known) < 0)
		return 0;
	if (known == 1 && only_end_of_file(fd))
		return 0;
	if (known > 0)
		return (uint64_t)known;
	return sys3(SYS_ioctl, fd, SIOCATMARK, &mark) == 0 && mark;
}

/* More than what fits into two segments: rcv_mss is the largest that has come. */
static bool is_bulk(const struct tcp_info *ti)
{
	return ti->tcpi_bytes_received > 2 * (uint64_t)ti->tcpi_rcv_mss;
}

HOT bool facts_at_rest(int fd, bool any)
{
	struct tcp_info ti = {0};

	if (!option(fd, IPPROTO_TCP, TCP_INFO, &ti, sizeof(ti)))
		return false;
	return has_peer_fin(ti.tcpi_state) ||
		(!any && !ti.tcpi_unacked && !ti.tcpi_notsent_bytes && !is_bulk(&ti));
}

static void ask_linger(int fd, unsigned asked, struct facts *f)
{
	struct linger linger = {0};

	if ((asked & LINGER_ZERO) && option(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger))) {
		f->linger_on = linger.l_onoff != 0;
		f->linger_sec = linger.l_linger;
	}
	if (asked & LINGER2)
		f->linger2_negative = linger2_is_negative(fd);
}

void facts_ask_linger(int fd, struct facts *f)
{
	ask_linger(fd, LINGER_BOTH & ~__atomic_load_n(&expected, __ATOMIC_RELAXED), f);
}

bool facts_ask(int fd, int unread, struct facts *f)
{
	struct tcp_info ti = {0};
	socklen_t len = sizeof(ti);

	memset(f, 0, sizeof(*f));
	if (sys5(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, &ti, &len) < 0) {
		/* MPTCP before 5.16 has no TCP_INFO. */
		if (!facts_is_tcp(fd))
			return false;
		ti.tcpi_state = STATE_ESTABLISHED;
	}
	f->state = ti.tcpi_state;
	f->peer_fin = has_peer_fin(f->state);
	f->data_segs_in = ti.tcpi_data_segs_in;
	f->bulk = is_bulk(&ti);
	f->cookie = facts_cookie(fd);
	ask_linger(fd, __atomic_load_n(&expected, __ATOMIC_RELAXED), f);
	if (f->state == STATE_LISTEN) {
		f->waiting = ti.tcpi_unacked;
		return true;
	}
	f->notsent = ti.tcpi_notsent_bytes;
	f->queued = ti.tcpi_snd_mss && f->notsent >= ti.tcpi_snd_mss;
	if (unread != FACTS_NONE_UNREAD)
		f->unread = count_unread(fd, unread);
	f->unsent = facts_unsent(fd);
	f->written = written(&ti, len, f->unsent);
	return true;
}

HOT uint64_t facts_cookie(int fd)
{
	uint64_t cookie = 0;

	return option(fd, SOL_SOCKET, SO_COOKIE, &cookie, sizeof(cookie)) ? cookie : 0;
}

uint64_t facts_netns_cookie(int fd)
{
	uint64_t cookie = 0;

	return option(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, sizeof(cookie)) ? cookie : 0;
}

uint64_t facts_unsent(int fd)
{
	int bytes = 0;

	return sys3(SYS_ioctl, fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? (uint64_t)bytes : 0;
}

int facts_state(int fd)
{
	uint8_t state; /* the first byte of struct tcp_info */

	return option(fd, IPPROTO_TCP, TCP_INFO, &state, sizeof(state)) ? state : -1;
}

bool facts_peer_fin(int fd)
{
	int state = facts_state(fd);

	return state >= 0 && has_peer_fin((uint8_t)state);
}

bool facts_corked(int fd)
{
	struct tcp_info ti = {0};

	return option(fd, IPPROTO_TCP, TCP_INFO, &ti, sizeof(ti)) && !ti.tcpi_unacked &&
		ti.tcpi_notsent_bytes && ti.tcpi_notsent_bytes < ti.tcpi_snd_mss;
}

bool facts_fits_window(int fd)
{
	uint32_t info[SND_WND / 4 + 1];
	socklen_t len = sizeof(info);
	uint64_t unsent = facts_unsent(fd);

	if (sys5(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, info, &len) < 0)
		return false;
	return unsent < (len == sizeof(info) ? info[SND_WND / 4] : 1);
}

bool facts_window_shut(int fd, uint64_t *acked)
{
	struct tcp_info ti = {0};

	if (!option(fd, IPPROTO_TCP, TCP_INFO, &ti, sizeof(ti)))
		return false;
	*acked = ti.tcpi_bytes_acked;
	return !ti.tcpi_unacked && ti.tcpi_notsent_bytes;
}

int facts_acked(int fd, uint64_t *bytes)
{
	struct tcp_info ti = {0};

	if (!option(fd, IPPROTO_TCP, TCP_INFO, &ti, sizeof(ti)))
		return -1;
	*bytes = ti.tcpi_bytes_acked;
	return ti.tcpi_state;
}

bool facts_reset_since(int fd, uint32_t data_segs_in)
{
	struct tcp_info ti = {0};
	int value = 0;

	if (!option(fd, IPPROTO_TCP, TCP_INFO, &ti, sizeof(ti)) ||
		ti.tcpi_data_segs_in == data_segs_in)
		return false;
	if (ti.tcpi_state == STATE_CLOSE) /* after both FINs there is no error */
		return option(fd, SOL_SOCKET, SO_ERROR, &value, sizeof(value)) && value != 0;
	return sys3(SYS_ioctl, fd, SIOCINQ, &value) == 0 && value > 0;
}

bool facts_is_tcp(int fd)
{
	int type = 0, protocol = 0;

	return option(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, sizeof(protocol)) &&
		option(fd, SOL_SOCKET, SO_TYPE, &type, sizeof(type)) && type == SOCK_STREAM &&
		(protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP);
}

bool facts_speaks_mptcp(int fd)
{
	uint32_t info[3] = {
		0}; /* the beginning of struct mptcp_info: six bytes, two of padding, flags */

	return option(fd, SOL_MPTCP, MPTCP_INFO, info, sizeof(info)) &&
		!(info[2] & MPTCP_FELL_BACK);
}

bool facts_reuseaddr(int fd)
{
	int on = 0;

	return option(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) && on;
}

HOT void facts_endpoint(const void *sockaddr, unsigned len, struct endpoint *e)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	sa_family_t family;

	memset(e, 0, sizeof(*e));
	if (!sockaddr || len < sizeof(in))
		return;
	memcpy(&family, sockaddr, sizeof(family));
	if (family == AF_INET) {
		memcpy(&in, sockaddr, sizeof(in));
		e->family = AF_INET;
		e->port = ntohs(in.sin_port);
		memcpy(e->addr, &in.sin_addr, 4);
	} else if (family == AF_INET6 && len >= sizeof(in6)) {
		memcpy(&in6, sockaddr, sizeof(in6));
		e->port = ntohs(in6.sin6_port);
		e->family = AF_INET6;
		memcpy(e->addr, &in6.sin6_addr, 16);
		if (memcmp(e->addr, mapped, 12) == 0) {
			e->family = AF_INET;
			memmove(e->addr, e->addr + 12, 4);
		}
	}
}

void facts_local(int fd, struct endpoint *e)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (sys3(SYS_getsockname, fd, &ss, &len) < 0)
		len = 0;
	facts_endpoint(&ss, len, e);
}

/* SO_PEERNAME tells the peer of a connection that was reset, which getpeername() has forgotten. */
void facts_peer(int fd, struct endpoint *e)
{
	struct sockaddr_in6 address; /* the kernel wants no more room than it fills */
	socklen_t len = sizeof(address);

	if (!option(fd, SOL_SOCKET, SO_PEERNAME, &address, len)) {
		len = sizeof(struct sockaddr_in);
		if (!option(fd, SOL_SOCKET, SO_PEERNAME, &address, len))
			len = 0;
	}
	facts_endpoint(&address, len, e);
}

static bool same_address(const struct endpoint *a, const struct endpoint *b)
{
	return a->family == b->family && a->family &&
		memcmp(a->addr, b->addr, a->family == AF_INET ? 4 : 16) == 0;
}

bool facts_peer_is_near(int fd, struct endpoint *peer)
{
	struct endpoint local;

	facts_peer(fd, peer);
	facts_local(fd, &local);
	return same_address(peer, &local) ||
		(peer->family == AF_INET && peer->addr[0] == IN_LOOPBACKNET);
}

bool facts_is_at(int fd, const struct endpoint *e)
{
	struct endpoint local;

	facts_local(fd, &local);
	return local.port == e->port && same_address(&local, e);
}
