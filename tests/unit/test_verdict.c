/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

#include "detect/verdict.h"

static const struct fdrec nothing_known;

#define CLOSED_AS(pattern, ...) \
	assert_int_equal(verdict_close(&(struct facts){__VA_ARGS__}, &nothing_known), pattern)

static void unread_data_resets_a_close_in_every_state_but_close(void **state)
{
	static const uint8_t resetting[] = {TCP_ESTABLISHED, TCP_CLOSE_WAIT, TCP_FIN_WAIT1,
		TCP_FIN_WAIT2, TCP_LAST_ACK, TCP_CLOSING};

	(void)state;
	for (size_t i = 0; i < sizeof(resetting); i++)
		CLOSED_AS(PATTERN_UNREAD_CLOSE, .state = resetting[i], .unread = 1);
	CLOSED_AS(PATTERN_NONE, .state = TCP_CLOSE, .unread = 1);
	CLOSED_AS(PATTERN_NONE, .state = TCP_LISTEN, .unread = 1);
}

static void a_close_with_nothing_unread_is_no_event(void **state)
{
	(void)state;
	CLOSED_AS(PATTERN_NONE, .state = TCP_ESTABLISHED);
	CLOSED_AS(PATTERN_NONE, .state = TCP_ESTABLISHED, .unsent = 1000000);
	CLOSED_AS(PATTERN_NONE, .state = TCP_CLOSE_WAIT, .peer_fin = true);
}

static bool risky(uint8_t state, uint64_t unsent, bool bulk)
{
	return verdict_late_risk(
		&(struct facts){.state = state, .unsent = unsent, .bulk = bulk}, false);
}

static void output_under_way_and_bulk_input_are_a_risk_before_the_peers_fin(void **state)
{
	(void)state;
	assert_true(risky(TCP_ESTABLISHED, 1, false));
	assert_true(risky(TCP_FIN_WAIT1, 1, false));
	assert_true(risky(TCP_ESTABLISHED, 0, true));
	assert_true(risky(TCP_FIN_WAIT2, 0, true));
	assert_false(risky(TCP_ESTABLISHED, 0, false));
	assert_false(risky(TCP_CLOSE_WAIT, 1, true));
	assert_false(risky(TCP_SYN_SENT, 1, false));
	assert_false(risky(TCP_CLOSE, 1, true));
}

static void a_rule_makes_every_close_before_the_peers_fin_a_risk(void **state)
{
	(void)state;
	assert_true(verdict_late_risk(&(struct facts){.state = TCP_ESTABLISHED}, true));
	assert_false(verdict_late_risk(&(struct facts){.state = TCP_CLOSE_WAIT}, true));
}

static void linger_zero_resets_where_the_kernel_disconnects(void **state)
{
	static const uint8_t resetting[] = {
		TCP_ESTABLISHED, TCP_CLOSE_WAIT, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_SYN_RECV};
	static const uint8_t silent[] = {
		TCP_CLOSE, TCP_LAST_ACK, TCP_CLOSING, TCP_TIME_WAIT, TCP_SYN_SENT, TCP_LISTEN};

	(void)state;
	for (size_t i = 0; i < sizeof(resetting); i++)
		CLOSED_AS(PATTERN_LINGER_ZERO, .state = resetting[i], .linger_on = true);
	for (size_t i = 0; i < sizeof(silent); i++)
		CLOSED_AS(PATTERN_NONE, .state = silent[i], .linger_on = true);
}

static void after_both_fins_a_disconnect_resets_only_what_was_never_sent(void **state)
{
	(void)state;
	CLOSED_AS(PATTERN_LINGER_ZERO, .state = TCP_LAST_ACK, .linger_on = true, .notsent = 1);
	CLOSED_AS(PATTERN_LINGER_ZERO, .state = TCP_CLOSING, .linger_on = true, .notsent = 1);
	CLOSED_AS(PATTERN_NONE, .state = TCP_CLOSE, .linger_on = true, .notsent = 1);
}

static void a_negative_linger2_resets_a_close_that_comes_to_fin_wait2(void **state)
{
	static const uint8_t resetting[] = {
		TCP_ESTABLISHED, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_SYN_RECV};
	static const uint8_t silent[] = {TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_CLOSING, TCP_TIME_WAIT,
		TCP_CLOSE, TCP_SYN_SENT, TCP_LISTEN};

	(void)state;
	for (size_t i = 0; i < sizeof(resetting); i++)
		CLOSED_AS(
			PATTERN_LINGER2_NEGATIVE, .state = resetting[i], .linger2_negative = true);
	for (size_t i = 0; i < sizeof(silent); i++)
		CLOSED_AS(PATTERN_NONE, .state = silent[i], .linger2_negative = true);
	CLOSED_AS(PATTERN_UNREAD_CLOSE, .state = TCP_ESTABLISHED, .linger2_negative = true,
		.unread = 1);
	CLOSED_AS(PATTERN_LINGER_ZERO, .state = TCP_ESTABLISHED, .linger2_negative = true,
		.linger_on = true);
}

static void a_listener_resets_what_waits_in_its_queue(void **state)
{
	struct facts f = {.state = TCP_LISTEN, .waiting = 1};

	(void)state;
	CLOSED_AS(PATTERN_LISTENER_CLOSE, .state = TCP_LISTEN, .waiting = 1);
	CLOSED_AS(PATTERN_LISTENER_CLOSE, .state = TCP_LISTEN, .waiting = 1, .linger_on = true);
	CLOSED_AS(PATTERN_NONE, .state = TCP_LISTEN);
	assert_int_equal(verdict_disconnect(&f), PATTERN_LISTENER_CLOSE);
	f.waiting = 0;
	assert_int_equal(verdict_disconnect(&f), PATTERN_NONE);
}

static void a_disconnect_resets_a_live_connection(void **state)
{
	static const uint8_t resetting[] = {
		TCP_ESTABLISHED, TCP_CLOSE_WAIT, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_SYN_RECV};
	static const uint8_t silent[] = {
		TCP_CLOSE, TCP_LAST_ACK, TCP_CLOSING, TCP_TIME_WAIT, TCP_SYN_SENT};
	struct facts f = {.unread = 1};

	(void)state;
	for (size_t i = 0; i < sizeof(resetting); i++) {
		f.state = resetting[i];
		assert_int_equal(verdict_disconnect(&f), PATTERN_DISCONNECT);
	}
	for (size_t i = 0; i < sizeof(silent); i++) {
		f.state = silent[i];
		assert_int_equal(verdict_disconnect(&f), PATTERN_NONE);
	}
	f = (struct facts){.state = TCP_LAST_ACK, .notsent = 1};
	assert_int_equal(verdict_disconnect(&f), PATTERN_DISCONNECT);
}

static void linger_with_seconds_does_not_reset(void **state)
{
	(void)state;
	CLOSED_AS(PATTERN_NONE, .state = TCP_ESTABLISHED, .linger_on = true, .linger_sec = 5);
	CLOSED_AS(PATTERN_UNREAD_CLOSE, .state = TCP_ESTABLISHED, .linger_on = true,
		.linger_sec = 5, .unread = 1);
}

static void data_after_both_sides_were_shut_proves_shutdown_read(void **state)
{
	struct fdrec rec = {.flags = REC_SHUT_RD | REC_SHUT_WR, .shut_segs_in = 3};
	struct facts f = {.state = TCP_CLOSE, .data_segs_in = 4};

	(void)state;
	assert_int_equal(verdict_close(&f, &rec), PATTERN_SHUTDOWN_READ);
	f.data_segs_in = 3; /* the peer's own RST carries no data */
	assert_int_equal(verdict_close(&f, &rec), PATTERN_NONE);
	f.data_segs_in = 4;
	rec.flags = REC_SHUT_RD;
	assert_int_equal(verdict_close(&f, &rec), PATTERN_NONE);
	rec.flags |= REC_SHUT_WR;
	f.state = TCP_FIN_WAIT2;
	assert_int_equal(verdict_close(&f, &rec), PATTERN_NONE);
}

static enum pattern error_of(int error, bool writing, bool eof, const struct fdrec *rec)
{
	struct facts closed = {.state = TCP_CLOSE};

	return verdict_error(error, writing, eof, &closed, rec, true);
}

/* The kernel had not been told yet that the reading side was shut: the data lies there unread. */
static void unread_data_from_after_the_shutdown_is_shutdown_read(void **state)
{
	struct fdrec rec = {.flags = REC_SHUT_RD | REC_SHUT_WR, .shut_segs_in = 3};
	struct facts f = {.state = TCP_FIN_WAIT2, .data_segs_in = 4, .unread = 1};

	(void)state;
	assert_int_equal(verdict_close(&f, &rec), PATTERN_SHUTDOWN_READ);
	f.data_segs_in = 3;
	assert_int_equal(verdict_close(&f, &rec), PATTERN_UNREAD_CLOSE);
	f.data_segs_in = 4;
	rec.flags = REC_SHUT_WR;
	assert_int_equal(verdict_close(&f, &rec), PATTERN_UNREAD_CLOSE);
	rec.flags |= REC_SHUT_RD;
	f.linger_on = true;
	assert_int_equal(verdict_close(&f, &rec), PATTERN_LINGER_ZERO);
}

static void the_peer_may_send_until_its_fin(void **state)
{
	static const uint8_t may[] = {TCP_ESTABLISHED, TCP_FIN_WAIT1, TCP_FIN_WAIT2};

	(void)state;
	for (uint8_t s = 0; s <= TCP_CLOSING; s++) {
		struct facts f = {.state = s};

		assert_int_equal(verdict_peer_may_send(&f), memchr(may, s, sizeof(may)) != NULL);
	}
}

static void a_fin_alone_is_no_output(void **state)
{
	struct facts f = {.state = TCP_FIN_WAIT1, .unsent = 1};

	(void)state;
	assert_false(verdict_unacknowledged(&f));
	f.unsent = 2;
	assert_true(verdict_unacknowledged(&f));
	f = (struct facts){.state = TCP_ESTABLISHED, .unsent = 1};
	assert_true(verdict_unacknowledged(&f));
	f.unsent = 0;
	assert_false(verdict_unacknowledged(&f));
}

static void errors_name_the_receiving_side_patterns(void **state)
{
	struct fdrec rec = {.flags = REC_ESTABLISHED};

	(void)state;
	assert_int_equal(error_of(ECONNRESET, false, false, &rec), PATTERN_PEER_RESET);
	assert_int_equal(error_of(ECONNRESET, true, false, &rec), PATTERN_PEER_RESET);
	assert_int_equal(error_of(ECONNREFUSED, false, false, &rec), PATTERN_CONNECT_REFUSED);
	assert_int_equal(error_of(ETIMEDOUT, false, false, &rec), PATTERN_TIMED_OUT);
	assert_int_equal(error_of(EPIPE, true, true, &rec), PATTERN_WRITE_AFTER_CLOSE);
	assert_int_equal(error_of(ECONNRESET, true, true, &rec), PATTERN_WRITE_AFTER_CLOSE);
	rec.flags |= REC_WROTE_AFTER_EOF;
	assert_int_equal(error_of(ECONNRESET, false, true, &rec), PATTERN_WRITE_AFTER_CLOSE);
	assert_int_equal(error_of(EPIPE, false, true, &rec), PATTERN_WRITE_AFTER_CLOSE);
}

static void a_reset_that_a_write_meets_first_is_told_too(void **state)
{
	struct fdrec rec = {.flags = REC_ESTABLISHED}, fresh = {0};
	struct facts closed = {.state = TCP_CLOSE}, open = {.state = TCP_CLOSE_WAIT};

	(void)state;
	assert_int_equal(
		verdict_error(EPIPE, true, false, &closed, &rec, true), PATTERN_PEER_RESET);
	assert_int_equal(verdict_error(EPIPE, true, false, &closed, &rec, false), PATTERN_NONE);
	assert_int_equal(verdict_error(EPIPE, true, false, &open, &rec, true), PATTERN_NONE);
	assert_int_equal(verdict_error(EPIPE, true, false, &closed, &fresh, true), PATTERN_NONE);
	assert_int_equal(
		verdict_error(EPIPE, false, false, &closed, &rec, true), PATTERN_PEER_RESET);
}

static void errors_that_are_the_programs_own_doing_are_no_pattern(void **state)
{
	struct fdrec fresh = {.flags = 0}, shut = {.flags = REC_SHUT_WR};

	(void)state;
	assert_int_equal(error_of(EPIPE, true, false, &fresh), PATTERN_NONE);
	assert_int_equal(error_of(EPIPE, true, true, &shut), PATTERN_NONE);
	assert_int_equal(error_of(EPIPE, false, true, &fresh), PATTERN_NONE);
	assert_int_equal(error_of(ETIMEDOUT, false, false, &fresh), PATTERN_NONE);
	assert_int_equal(error_of(EAGAIN, false, false, &fresh), PATTERN_NONE);
	assert_int_equal(error_of(EBADF, false, false, &fresh), PATTERN_NONE);
}

static void linger_zero_armed_and_closed_at_once_is_an_abort(void **state)
{
	struct fdrec rec = {.flags = REC_ARMED, .cookie = 7, .armed_written = 100};
	struct facts f = {.linger_on = true, .cookie = 7, .written = 100};

	(void)state;
	assert_int_equal(verdict_intent(&f, &rec), INTENT_ABORT);
}

static void whatever_happened_since_the_arming_makes_it_configuration(void **state)
{
	struct fdrec rec = {.flags = REC_ARMED, .cookie = 7, .armed_written = 100};
	struct facts f = {.linger_on = true, .cookie = 7, .written = 101};

	(void)state;
	assert_int_equal(verdict_intent(&f, &rec), INTENT_CONFIG);
	f.written = 100;
	rec.flags = REC_ARMED | REC_READ_SINCE;
	assert_int_equal(verdict_intent(&f, &rec), INTENT_CONFIG);
	rec.flags = REC_ARMED | REC_SHUT_WR;
	assert_int_equal(verdict_intent(&f, &rec), INTENT_CONFIG);
	rec.flags = REC_ARMED_LISTENER;
	assert_int_equal(verdict_intent(&f, &rec), INTENT_CONFIG);
}

static void without_a_record_of_this_very_socket_the_intent_is_unknown(void **state)
{
	struct fdrec rec = {.flags = REC_ARMED, .cookie = 6};
	struct facts f = {.linger_on = true, .cookie = 7};

	(void)state;
	assert_int_equal(verdict_intent(&f, &rec), INTENT_UNKNOWN);
	assert_int_equal(verdict_intent(&f, &nothing_known), INTENT_UNKNOWN);
	f.linger_on = false;
	assert_int_equal(verdict_intent(&f, &rec), INTENT_NONE);
}

static void harm_is_ranked_by_output_and_by_the_peers_fin(void **state)
{
	struct facts unsent = {.unsent = 1, .peer_fin = true}, sent = {.peer_fin = false};
	struct facts quiet = {.peer_fin = true};

	(void)state;
	assert_int_equal(verdict_harm(PATTERN_UNREAD_CLOSE, &unsent), HARM_OUTPUT_LOST);
	assert_int_equal(verdict_harm(PATTERN_UNREAD_CLOSE, &sent), HARM_RESET_SEEN);
	assert_int_equal(verdict_harm(PATTERN_UNREAD_CLOSE, &quiet), HARM_QUIET);
	/* That reset waits for the acknowledgement of the FIN. */
	unsent.peer_fin = false;
	assert_int_equal(verdict_harm(PATTERN_LINGER2_NEGATIVE, &unsent), HARM_RESET_SEEN);
	assert_int_equal(verdict_output_lost(PATTERN_LINGER2_NEGATIVE, &unsent), 0);
	assert_int_equal(verdict_output_lost(PATTERN_LATE_DATA, &unsent), 1);
	/* The one byte is the FIN of its own half-close. */
	unsent.state = TCP_FIN_WAIT1;
	assert_int_equal(verdict_output_lost(PATTERN_UNREAD_CLOSE, &unsent), 0);
	assert_int_equal(verdict_harm(PATTERN_UNREAD_CLOSE, &unsent), HARM_RESET_SEEN);
}

static void a_client_that_has_everything_acknowledged_keeps_its_linger_zero(void **state)
{
	struct fdrec client = {.role = ROLE_CLIENT}, server = {.role = ROLE_SERVER};
	struct facts acked = {.unsent = 0}, unacked = {.unsent = 9};
	struct facts quiet = {.unsent = 0, .peer_fin = true};
	struct facts half_closed = {.unsent = 1, .state = TCP_FIN_WAIT1};

	(void)state;
	assert_false(verdict_linger_mendable(&half_closed, &client));
	assert_false(verdict_linger_mendable(&acked, &client));
	assert_true(verdict_linger_mendable(&unacked, &client));
	assert_true(verdict_linger_mendable(&acked, &server));
	assert_false(verdict_linger_mendable(&quiet, &server));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unread_data_resets_a_close_in_every_state_but_close),
		cmocka_unit_test(a_close_with_nothing_unread_is_no_event),
		cmocka_unit_test(a_rule_makes_every_close_before_the_peers_fin_a_risk),
		cmocka_unit_test(output_under_way_and_bulk_input_are_a_risk_before_the_peers_fin),
		cmocka_unit_test(linger_zero_resets_where_the_kernel_disconnects),
		cmocka_unit_test(after_both_fins_a_disconnect_resets_only_what_was_never_sent),
		cmocka_unit_test(a_negative_linger2_resets_a_close_that_comes_to_fin_wait2),
		cmocka_unit_test(a_listener_resets_what_waits_in_its_queue),
		cmocka_unit_test(a_disconnect_resets_a_live_connection),
		cmocka_unit_test(linger_with_seconds_does_not_reset),
		cmocka_unit_test(data_after_both_sides_were_shut_proves_shutdown_read),
		cmocka_unit_test(unread_data_from_after_the_shutdown_is_shutdown_read),
		cmocka_unit_test(the_peer_may_send_until_its_fin),
		cmocka_unit_test(a_fin_alone_is_no_output),
		cmocka_unit_test(errors_name_the_receiving_side_patterns),
		cmocka_unit_test(a_reset_that_a_write_meets_first_is_told_too),
		cmocka_unit_test(errors_that_are_the_programs_own_doing_are_no_pattern),
		cmocka_unit_test(linger_zero_armed_and_closed_at_once_is_an_abort),
		cmocka_unit_test(whatever_happened_since_the_arming_makes_it_configuration),
		cmocka_unit_test(without_a_record_of_this_very_socket_the_intent_is_unknown),
		cmocka_unit_test(harm_is_ranked_by_output_and_by_the_peers_fin),
		cmocka_unit_test(a_client_that_has_everything_acknowledged_keeps_its_linger_zero),
	};

	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
