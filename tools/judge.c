/* SPDX-License-Identifier: MIT */
#include "judge.h"

#include "act.h"
#include "cells.h"
#include "doors.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

const char *const judge_mode_names[JUDGE_MODES] = {"bare", "audit", "fix"};

/* clang-format off */
#define UNREAD(victim, unread) \
	{victim, "unread-close", NULL, 1, END_RST, "reset", "", unread, false, true, false}
#define LINGER(victim, intent, mended) \
	{victim, "linger-zero", NULL, 1, END_RST, "reset", intent, -1, true, mended, false}
#define SHUTDOWN(victim) \
	{victim, "shutdown-read", NULL, 1, END_RST, "reset", "", -1, true, true, false}
/* Audit cannot prove it: what comes after a clean close is told by fix, which waits for it. */
#define LATE(victim) \
	{victim, "late-data", NULL, 1, END_RST, NULL, "", 0, false, true, false}
#define SEEN(victim, pattern, op, rsts, unread) \
	{victim, pattern, op, rsts, END_NONE, "seen", "", unread, false, false, false}
#define CLEAN(victim, rsts, end) \
	{victim, NULL, NULL, rsts, end, "", "", -1, false, false, false}
#define LINGER2(victim) \
	{victim, "linger2-negative", NULL, 1, END_RST, "reset", "", 0, true, true, false}
#define DISCONNECT(victim, unread) \
	{victim, "disconnect", "connect", 1, END_RST, "reset", "", unread, false, false, false}
#define LISTENER(victim, op, mended) \
	{victim, "listener-close", op, ACT_CROWD, END_RST, "reset", "", 0, false, mended, false}
#define SHARED(victim) \
	{victim, NULL, NULL, 0, END_FIN, "", "", -1, false, false, true}
/* clang-format on */

static const struct claim claims[] = {
	UNREAD("unread_close", 900),
	UNREAD("unread_close_client", 900),
	UNREAD("unread_close_by_syscalls", 900),
	UNREAD("unread_close_client_by_syscalls", 900),
	UNREAD("unread_after_peer_fin", 900),
	UNREAD("peeked_close", 1000),
	UNREAD("low_water_close", 1000),
	UNREAD("urgent_close", 1),
	UNREAD("urgent_read_close", 1),
	UNREAD("shut_rd_then_close", 900),
	LINGER("linger_zero_listener", "config", true),
	LINGER("linger_zero_accepted", "config", true),
	LINGER("linger_zero_abort", "abort", false),
	LINGER("linger_zero_abort_syscall", "abort", false),
	LINGER("linger_zero_client", "config", false),
	LINGER2("linger2_listener"),
	LINGER2("linger2_accepted"),
	LINGER2("linger2_after_shut_wr"),
	DISCONNECT("disconnect", 900),
	DISCONNECT("disconnect_syscall", 900),
	DISCONNECT("disconnect_after_peer_fin", 900),
	DISCONNECT("disconnect_of_a_duplicate", 900),
	DISCONNECT("disconnect_accepted_by_syscall", 1000),
	LISTENER("listener_close", NULL, false),
	LISTENER("listener_close_ruled", NULL, true),
	LISTENER("listener_close_nonblocking_ruled", NULL, true),
	LISTENER("listener_close_armed_ruled", NULL, true),
	LISTENER("listener_close_late_ruled", NULL, true),
	LISTENER("listener_shutdown", "shutdown", false),
	LISTENER("listener_shutdown_ruled", "shutdown", true),
	LISTENER("listener_shut_rd_ruled", "shutdown", true),
	{"listener_disconnect", "listener-close", "connect", ACT_CROWD, END_RST, "reset", "", 0,
		false, false, false},
	SHUTDOWN("shutdown_rdwr"),
	SHUTDOWN("shutdown_rd_wr"),
	SHUTDOWN("shutdown_wr_rd"),
	SHUTDOWN("shutdown_syscall"),
	SHUTDOWN("shutdown_then_pause"),
	{"shutdown_late", "shutdown-read", NULL, 1, END_RST, NULL, "", 0, true, true, false},
	LATE("late_data"),
	LATE("late_data_after_shut_wr"),
	LATE("late_data_acknowledged"),
	LATE("late_data_in_fin_wait2"),
	SEEN("write_after_close", "write-after-close", "send", 1, -1),
	SEEN("peer_reset", "peer-reset", "read", 1, 0),
	SEEN("peer_reset_by_write", "peer-reset", "send", 1, 1000),
	SEEN("peer_reset_unseen", "peer-reset", "send", 1, 0),
	CLEAN("broken_pipe_of_its_own", 0, END_NONE),
	SEEN("connect_refused", "connect-refused", "connect", 1, 0),
	SEEN("connect_refused_later", "connect-refused", "getsockopt", 1, 0),
	SEEN("timed_out", "timed-out", "read", 0, 0),
	CLEAN("clean_close", 0, END_FIN),
	CLEAN("silent_close", 0, END_FIN),
	CLEAN("close_after_peer_fin", 0, END_FIN),
	CLEAN("shut_rd_alone", 0, END_FIN),
	CLEAN("linger_zero_after_fins", 0, END_FIN),
	CLEAN("unread_after_reset", 1, END_NONE), /* the peer's own RST */
	CLEAN("linger_disarmed", 0, END_FIN),
	CLEAN("linger2_after_peer_fin", 0, END_FIN),
	CLEAN("linger2_disarmed", 0, END_FIN),
	CLEAN("disconnect_after_fins", 0, END_FIN),
	CLEAN("disconnect_of_nothing", 0, END_NONE),
	CLEAN("listener_shut_wr_ruled", 0, END_FIN),
	CLEAN("listener_emptied_ruled", 0, END_FIN),
	SHARED("listener_shared_ruled"),
	SHARED("linger2_duplicated"),
	CLEAN("unix_socket_with_unread", 0, END_NONE),
	CLEAN("pipe_with_unread", 0, END_NONE),
	CLEAN("udp_socket_with_unread", 0, END_NONE),
	CLEAN("listener_alone", 0, END_NONE),
	CLEAN("never_connected", 0, END_NONE),
	CLEAN("read_by_recvmmsg", 0, END_FIN),
	CLEAN("read_by_readv_to_eof", 0, END_FIN),
	CLEAN("peeked_then_read", 0, END_FIN),
	CLEAN("thrown_away_by_msg_trunc", 0, END_FIN),
	CLEAN("read_in_parts", 0, END_FIN),
	CLEAN("read_below_the_low_water_mark", 0, END_FIN),
	CLEAN("urgent_byte_stepped_over", 0, END_FIN),
	CLEAN("urgent_byte_in_line", 0, END_FIN),
	CLEAN("stream_read_to_eof", 0, END_FIN),
	CLEAN("stream_read_in_part", 0, END_FIN),
	CLEAN("fcloseall_leaves_it_open", 0, END_FIN),
	CLEAN("answered_by_sendfile", 0, END_FIN),
	CLEAN("answered_by_splice", 0, END_FIN),
	CLEAN("answered_without_a_copy", 0, END_FIN),
	CLEAN("answered_by_sendmmsg", 0, END_FIN),
	CLEAN("corked", 0, END_FIN),
	CLEAN("without_delay", 0, END_FIN),
	CLEAN("kept_alive", 0, END_FIN),
	CLEAN("linger_of_five_seconds", 0, END_FIN),
	CLEAN("watched_by_epoll", 0, END_FIN),
	CLEAN("watched_by_edge", 0, END_FIN),
	CLEAN("told_by_sigio", 0, END_FIN),
	CLEAN("accepted_with_its_data", 0, END_FIN),
	CLEAN("fast_open", 0, END_FIN),
	CLEAN("accepted_nonblocking", 0, END_FIN),
	CLEAN("connect_in_progress", 0, END_NONE),
	CLEAN("half_close_then_read_to_eof", 0, END_FIN),
	CLEAN("client_half_close", 0, END_FIN),
	CLEAN("client_reads_to_eof", 0, END_FIN),
	CLEAN("shutdown_of_both_after_peer_fin", 0, END_FIN),
	CLEAN("peer_fin_left_unread", 0, END_FIN),
	CLEAN("both_close_at_once", 0, END_NONE),
	CLEAN("listener_shut_down", 0, END_NONE),
	CLEAN("eventfd_with_a_count", 0, END_NONE),
	SHARED("moved_to_another_number"),
	CLEAN("marked_close_on_exec", 0, END_FIN),
	CLEAN("accepted_by_a_worker", 0, END_FIN),
	SHARED("executed_child_goes_on"),
	SHARED("goes_on_after_exec"),
	SHARED("close_of_a_duplicate"),
	SHARED("close_of_the_original"),
	SHARED("child_holds_it"),
	SHARED("child_closes_it"),
	SHARED("vfork_child_closes_it"),
	SHARED("spawned_child_inherits_it"),
	SHARED("sent_by_scm_rights"),
	CLEAN("results_are_the_kernels", 0, END_NONE),
	CLEAN("cancellation_reaches_a_read", 0, END_NONE),
	CLEAN("a_signal_interrupts_a_read", 0, END_NONE),
	UNREAD("errno_is_kept", 940),
	SHARED("errno_is_kept_beside_a_duplicate"),
	UNREAD("unread_close_peer_stays", 900),
	UNREAD("unread_close_linger2", 900),
	UNREAD("unread_close_three_epolls", 900),
};

const struct claim *claim_for(const char *victim)
{
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		if (strcmp(claims[i].victim, victim) == 0)
			return &claims[i];
	}
	return NULL;
}

const char *judge_policy(const char *victim)
{
	return strstr(victim, "_ruled") ? "RSTFIX_POLICY=listener-close -> fix" : NULL;
}

const struct claim *claim_at(size_t i)
{
	return i < sizeof(claims) / sizeof(claims[0]) ? &claims[i] : NULL;
}

static void find(struct finding *f, bool holds, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void find(struct finding *f, bool holds, const char *format, ...)
{
	va_list args;

	if (holds || f->text[0])
		return;
	va_start(args, format);
	vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
}

static void find_word(struct finding *f, const char *what, const char *is, const char *should_be)
{
	find(f, strcmp(is, should_be) == 0, "the event's %s is \"%s\", not \"%s\"", what, is,
		should_be);
}

static void judge_stack(struct finding *f, const struct trial *t, const struct event *e)
{
	const struct end_door *end = door_that_ends(t->door);
	char program[PATH_MAX];

	find(f, e->frames > 0, "the event has no stack");
	if (end && end->in_libc)
		find(f, strstr(e->module, "libc"), "the innermost module is \"%s\"", e->module);
	else if (realpath(t->command[0], program))
		find_word(f, "innermost module", e->module, program);
}

static void judge_event(struct finding *f, const struct trial *t, const struct claim *c,
	bool mended, const struct event *e)
{
	bool listener = strcmp(c->pattern, "listener-close") == 0;

	find_word(f, "pattern", e->pattern, c->pattern);
	find_word(f, "op", e->op, op_names[cells_op(c, t->door)]);
	find_word(f, "intent", e->intent, c->intent);
	find_word(f, "action", e->action, mended || judge_policy(c->victim) ? "fix" : "log");
	if (!mended)
		find_word(f, "outcome", e->outcome, c->outcome);
	else if (strcmp(e->outcome, "delivered") != 0)
		find_word(f, "outcome", e->outcome, "averted");
	find(f, c->unread < 0 || e->unread == c->unread, "the event's unread is %" PRId64,
		e->unread);
	find(f, strcmp(c->pattern, "connect-refused") != 0 || e->unsent == 0,
		"the event's unsent is %" PRId64, e->unsent);
	find(f, !c->armed || e->armed_by, "the event does not tell what armed it");
	find(f, !listener || e->waiting == ACT_CROWD, "the event's waiting is %" PRId64,
		e->waiting);
	find(f, !listener || !mended || e->taken == ACT_CROWD, "the event's taken is %" PRId64,
		e->taken);
	judge_stack(f, t, e);
}

static void judge_events(struct finding *f, const struct trial *t, const struct claim *c,
	bool mended, const struct event_log *log)
{
	find(f, log->bad == 0, "the log has %zu lines that are no JSON", log->bad);
	if (!t->mode) {
		find(f, log->rsts == 0, "%zu events where none should be", log->rsts);
		return;
	}
	/* Without proof that it is the last holder, fix says that it left the socket alone. */
	if (c->shared && strcmp(t->mode, "fix") == 0 && log->rsts == 1) {
		find_word(f, "outcome", log->first[0].outcome, "shared");
		return;
	}
	find(f, log->rsts == (c->pattern && (mended || c->outcome) ? 1 : 0),
		"%zu events, the first: %s by %s, %s", log->rsts, log->first[0].pattern,
		log->first[0].op, log->first[0].outcome);
	if (c->pattern && log->rsts > 0)
		judge_event(f, t, c, mended, &log->first[0]);
}

static int status_of(const char *door)
{
	const struct end_door *end = door_that_ends(door);

	return end ? end->status : 0;
}

static void judge_wire(struct finding *f, const struct trial *t, const struct claim *c, bool mended,
	const struct trial_result *r)
{
	const struct door *door = door_named(t->door);
	uint64_t rsts = mended ? 0 : c->rsts;
	enum peer_end end = mended ? END_FIN : c->end;

	find(f, !r->broken[0], "%s", r->broken);
	find(f, r->failed == 0, "a check of the victim did not hold (line %d)", r->failed);
	find(f, WIFEXITED(r->status) && WEXITSTATUS(r->status) == status_of(t->door),
		"the victim's status is %#x", (unsigned)r->status);
	/* What the door writes last may be acknowledged after the RST, which draws another one. */
	find(f, r->rsts == rsts || (rsts && door && door->writes && r->rsts == rsts + 1),
		"%" PRIu64 " RST, not %" PRIu64, r->rsts, rsts);
	find(f, r->end == end, "the peer's end is %s, not %s", peer_end_name(r->end),
		peer_end_name(end));
	find(f, end != END_FIN || r->got == r->sent, "%" PRIu64 " of %" PRIu64 " bytes arrived",
		r->got, r->sent);
}

void judge(struct finding *f, const struct trial *t, const struct trial_result *r,
	struct event_log *log)
{
	const struct claim *c = claim_for(t->victim);
	bool mended =
		c && c->mended && t->mode && strcmp(t->mode, "fix") == 0 && status_of(t->door) == 0;

	f->text[0] = '\0';
	find(f, c != NULL, "nothing is claimed of %s", t->victim);
	find(f, events_read(log, t->log), "the log cannot be read");
	if (!c)
		return;
	judge_wire(f, t, c, mended, r);
	judge_events(f, t, c, mended, log);
}

void judge_untouched(struct finding *f, const struct trial *t, const struct trial_result *r,
	struct event_log *log)
{
	struct trial bare = *t;

	bare.mode = NULL;
	judge(f, &bare, r, log);
}
