/* SPDX-License-Identifier: MIT */
#include "peers.h"

#include "act.h"
#include "peers_steps.h"

#include <errno.h>
#include <fnmatch.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static bool play_request(struct peer *p)
{
	if (!peer_send(p, ACT_REQUEST, 0))
		return false;
	p->stage->cue = CUE_SENT;
	return peer_read_after_close(p);
}

static bool play_urgent(struct peer *p)
{
	if (!peer_send(p, 1, MSG_OOB))
		return false;
	p->stage->cue = CUE_SENT;
	return peer_read_after_close(p);
}

static bool play_request_and_fin(struct peer *p)
{
	if (!peer_send(p, ACT_REQUEST, 0) || shutdown(p->fd, SHUT_WR) != 0)
		return false;
	p->stage->cue = CUE_SENT;
	return peer_read_after_close(p);
}

/* Sends on after the victim has shut down, and gives the answer a moment to come. */
static bool play_late_byte(struct peer *p)
{
	if (!peer_send(p, ACT_REQUEST, 0))
		return false;
	if (!stage_await(&p->stage->step, STEP_SHUT, STAGE_PATIENCE_MS))
		return false;
	if (!peer_send(p, 1, 0))
		return false;
	stage_await_that(peer_is_reset, p, PEER_SETTLE_MS);
	p->stage->cue = CUE_SENT;
	return peer_read_after_close(p);
}

static bool sends_on_after_close(struct peer *p)
{
	if (!peer_await_closed(p) || !peer_send(p, 1, 0))
		return false;
	p->stage->cue = CUE_SENT;
	peer_read_to_end(p);
	return true;
}

/* Sends on after the victim has closed, with its answer still on the way. */
static bool play_byte_after_close(struct peer *p)
{
	return peer_send(p, ACT_REQUEST, 0) && sends_on_after_close(p);
}

/* An upload that the victim has enough of. */
static bool play_upload(struct peer *p)
{
	for (int i = 0; i < ACT_UPLOAD / ACT_REQUEST; i++) {
		if (!peer_send(p, ACT_REQUEST, 0) || !act_await_acknowledged(p->fd))
			return false;
	}
	return sends_on_after_close(p);
}

static bool play_answer(struct peer *p)
{
	char request[ACT_REQUEST];

	if (recv(p->fd, request, sizeof(request), MSG_WAITALL) != ACT_REQUEST)
		return false;
	p->got += ACT_REQUEST;
	return peer_send(p, ACT_REQUEST, 0) && peer_read_after_close(p);
}

/*
 * The acknowledgement of a FIN is delayed by default; TCP_QUICKACK sends the one that is due, and what
 * answers it is there before the call returns.
 */
static bool acknowledge(struct peer *p)
{
	int now = 1;

	if (p->end != END_FIN)
		return true;
	if (setsockopt(p->fd, IPPROTO_TCP, TCP_QUICKACK, &now, sizeof(now)) != 0)
		return false;
	p->end = peer_end_of(p);
	shutdown(p->fd, SHUT_WR);
	return true;
}

static bool play_request_and_acknowledge(struct peer *p)
{
	p->stays = true;
	return play_request(p) && acknowledge(p);
}

static bool play_answer_and_acknowledge(struct peer *p)
{
	p->stays = true;
	return play_answer(p) && acknowledge(p);
}

/* Reads everything, and then neither closes nor sends: the victim waits in vain for a FIN. */
static bool play_and_stay(struct peer *p)
{
	p->stays = true;
	return play_request(p);
}

/* Never reads: what the victim wrote stays unacknowledged. */
static bool play_deaf(struct peer *p)
{
	if (!peer_send(p, ACT_REQUEST, 0))
		return false;
	p->stage->cue = CUE_SENT;
	return stage_await(&p->stage->step, STEP_DONE, STAGE_PATIENCE_MS);
}

static bool hang_up(struct peer *p, bool hard)
{
	struct linger linger = {.l_onoff = hard, .l_linger = 0};

	if (setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) != 0)
		return false;
	peer_close(p);
	p->stage->cue = CUE_CLOSED;
	return true;
}

static bool play_close(struct peer *p)
{
	return stage_await(&p->stage->step, STEP_CONNECTED, STAGE_PATIENCE_MS) && hang_up(p, false);
}

static bool play_reset(struct peer *p)
{
	return stage_await(&p->stage->step, STEP_CONNECTED, STAGE_PATIENCE_MS) && hang_up(p, true);
}

static bool play_request_and_reset(struct peer *p)
{
	return stage_await(&p->stage->step, STEP_CONNECTED, STAGE_PATIENCE_MS) &&
		peer_send(p, ACT_REQUEST, 0) && act_await_acknowledged(p->fd) && hang_up(p, true);
}

/* From here on this end receives nothing and acknowledges nothing, like a host that is gone. */
static bool play_silence(struct peer *p)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {.len = 1, .filter = &drop};

	if (setsockopt(p->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) {
		p->denied = errno == EPERM;
		return false;
	}
	p->stage->cue = CUE_SENT;
	return true;
}

static bool join_crowd(struct peer *p, int crowd[ACT_CROWD])
{
	for (int i = 0; i < ACT_CROWD; i++) {
		p->fd = crowd[i] = i > 0 ? peer_connect(p->stage) : p->fd;
		if (p->fd < 0 || !peer_send(p, ACT_REQUEST, 0))
			return false;
	}
	p->stage->cue = CUE_SENT;
	return peer_await_closed(p);
}

/* Its end is how all of them end, or none. */
static bool end_crowd(struct peer *p, const int crowd[ACT_CROWD])
{
	enum peer_end first = END_NONE;

	for (int i = 0; i < ACT_CROWD; i++) {
		p->fd = crowd[i];
		peer_read_to_end(p);
		first = i == 0 || p->end == first ? p->end : END_NONE;
	}
	p->end = first;
	return true;
}

/* Many, of whom none is accepted before the victim closes. */
static bool play_crowd(struct peer *p)
{
	int crowd[ACT_CROWD];

	return join_crowd(p, crowd) && end_crowd(p, crowd);
}

/* They send on; where they were reset that would read the error away. */
static bool play_late_crowd(struct peer *p)
{
	int crowd[ACT_CROWD];

	if (!join_crowd(p, crowd))
		return false;
	for (int i = 0; i < ACT_CROWD; i++) {
		p->fd = crowd[i];
		if (!peer_is_reset(p) && !peer_send(p, ACT_REQUEST, 0))
			return false;
	}
	p->stage->cue = CUE_CLOSED;
	return end_crowd(p, crowd);
}

static bool play_nothing(struct peer *p)
{
	(void)p;
	return true;
}

static const struct {
	const char *victim; /* or a glob; the first that fits */
	struct peer_script script;
} scripts[] = {
	{"unread_close_client*", {PEER_LISTENS, play_request}},
	{"unread_close_linger2", {PEER_CONNECTS, play_and_stay}},
	{"unread_close_peer_stays", {PEER_CONNECTS, play_and_stay}},
	{"unread_close_peer_deaf", {PEER_CONNECTS, play_deaf}},
	{"urgent_close", {PEER_CONNECTS, play_urgent}},
	{"urgent_read_close", {PEER_CONNECTS, play_urgent}},
	{"linger_zero_abort", {PEER_LISTENS, peer_read_after_close}},
	{"linger_zero_abort_syscall", {PEER_LISTENS, peer_read_after_close}},
	{"linger_zero_client", {PEER_LISTENS, play_answer}},
	{"linger2_after_shut_wr", {PEER_LISTENS, play_answer_and_acknowledge}},
	{"linger2_after_peer_fin", {PEER_CONNECTS, play_request_and_fin}},
	{"linger2_*", {PEER_CONNECTS, play_request_and_acknowledge}},
	{"disconnect_after_peer_fin", {PEER_CONNECTS, play_request_and_fin}},
	{"disconnect_after_fins", {PEER_CONNECTS, play_request_and_fin}},
	{"disconnect_of_nothing", {PEER_ABSENT, play_nothing}},
	{"late_data", {PEER_CONNECTS, play_byte_after_close}},
	{"late_data_after_shut_wr", {PEER_CONNECTS, play_byte_after_close}},
	{"late_data_acknowledged", {PEER_CONNECTS, play_upload}},
	{"late_data_in_fin_wait2", {PEER_CONNECTS, play_upload}},
	{"late_data_three_epolls", {PEER_CONNECTS, play_byte_after_close}},
	{"shutdown_rdwr", {PEER_CONNECTS, play_late_byte}},
	{"shutdown_rd_wr", {PEER_CONNECTS, play_late_byte}},
	{"shutdown_wr_rd", {PEER_CONNECTS, play_late_byte}},
	{"shutdown_syscall", {PEER_CONNECTS, play_late_byte}},
	{"shutdown_then_pause", {PEER_CONNECTS, play_late_byte}},
	{"shutdown_late", {PEER_CONNECTS, play_byte_after_close}},
	{"write_after_close", {PEER_LISTENS, play_close}},
	{"peer_reset", {PEER_CONNECTS, play_reset}},
	{"peer_reset_by_write", {PEER_CONNECTS, play_request_and_reset}},
	{"peer_reset_unseen", {PEER_LISTENS, play_close}},
	{"broken_pipe_of_its_own", {PEER_LISTENS, play_close}},
	{"connect_refused", {PEER_REFUSES, play_nothing}},
	{"connect_refused_later", {PEER_REFUSES, play_nothing}},
	{"timed_out", {PEER_LISTENS, play_silence}},
	{"silent_close", {PEER_LISTENS, peer_read_after_close}},
	{"close_after_peer_fin", {PEER_CONNECTS, play_request_and_fin}},
	{"unread_after_peer_fin", {PEER_CONNECTS, play_request_and_fin}},
	{"linger_zero_after_fins", {PEER_CONNECTS, play_request_and_fin}},
	{"unread_after_reset", {PEER_CONNECTS, play_request_and_reset}},
	{"read_by_readv_to_eof", {PEER_CONNECTS, play_request_and_fin}},
	{"stream_read_to_eof", {PEER_CONNECTS, play_request_and_fin}},
	{"shutdown_of_both_after_peer_fin", {PEER_CONNECTS, play_request_and_fin}},
	{"peer_fin_left_unread", {PEER_CONNECTS, play_request_and_fin}},
	{"urgent_byte_stepped_over", {PEER_CONNECTS, play_urgent}},
	{"urgent_byte_in_line", {PEER_CONNECTS, play_urgent}},
	{"client_half_close", {PEER_LISTENS, play_answer}},
	{"client_reads_to_eof", {PEER_LISTENS, play_request_and_fin}},
	{"both_close_at_once", {PEER_CONNECTS, play_close}},
	{"connect_in_progress", {PEER_ABSENT, play_nothing}},
	{"listener_shut_down", {PEER_ABSENT, play_nothing}},
	{"eventfd_with_a_count", {PEER_ABSENT, play_nothing}},
	{"unix_socket_with_unread", {PEER_ABSENT, play_nothing}},
	{"pipe_with_unread", {PEER_ABSENT, play_nothing}},
	{"udp_socket_with_unread", {PEER_ABSENT, play_nothing}},
	{"listener_alone", {PEER_ABSENT, play_nothing}},
	{"listener_close_late_ruled", {PEER_CONNECTS, play_late_crowd}},
	{"listener_*", {PEER_CONNECTS, play_crowd}},
	{"never_connected", {PEER_ABSENT, play_nothing}},
	{"results_are_the_kernels", {PEER_ABSENT, play_nothing}},
	{"cancellation_reaches_a_read", {PEER_ABSENT, play_nothing}},
	{"a_signal_interrupts_a_read", {PEER_ABSENT, play_nothing}},
};

const struct peer_script *peer_script_for(const char *victim)
{
	static const struct peer_script plain = {PEER_CONNECTS, play_request};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		if (fnmatch(scripts[i].victim, victim, 0) == 0)
			return &scripts[i].script;
	}
	return &plain;
}
