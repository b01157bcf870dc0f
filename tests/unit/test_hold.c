/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/start.h"
#include "detect/facts.h"
#include "detect/owner.h"
#include "fix/hold.h"
#include "netns.h"

#define MUCH 2000000

static char bytes[MUCH];
static int ends[2] = {-1, -1}; /* that is held, and its peer */
static struct fdrec rec;

/* A connection whose peer has room for little. */
static void make_pair(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM, 0), small = 4096;

	for (int i = 0; i < 2; i++)
		close(ends[i]);
	ends[1] = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(ends[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(bind(listener, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	getsockname(listener, (struct sockaddr *)&a, &len);
	assert_int_equal(connect(ends[1], (struct sockaddr *)&a, len), 0);
	ends[0] = accept(listener, NULL, NULL);
	assert_true(ends[0] >= 0);
	close(listener);
}

static size_t fill(void)
{
	ssize_t n, all = 0;

	while ((n = send(ends[0], bytes, MUCH, MSG_DONTWAIT)) > 0)
		all += n;
	return (size_t)all;
}

static void read_at_peer(size_t n)
{
	while (n > 0) {
		ssize_t got = recv(ends[1], bytes, n < MUCH ? n : MUCH, 0);

		assert_true(got > 0);
		n -= (size_t)got;
	}
}

/* Acknowledgements come a moment later. */
static enum hold_state look(struct hold *h)
{
	enum hold_state state = HOLD_WAITS;

	for (int i = 0; i < 100 && (state = hold_look(h, ends[0])) == HOLD_WAITS; i++)
		poll(NULL, 0, 5);
	return state;
}

static void output_under_way_is_waited_for(void **state)
{
	struct hold h;
	size_t n;

	(void)state;
	make_pair();
	n = fill();
	hold_begin(&h, ends[0], &rec);
	assert_true(h.until > 0);
	assert_int_equal(hold_look(&h, ends[0]), HOLD_WAITS);
	read_at_peer(n);
	assert_int_equal(look(&h), HOLD_OVER);
}

static void nothing_under_way_is_not_waited_for(void **state)
{
	struct hold h;

	(void)state;
	make_pair();
	hold_begin(&h, ends[0], &rec);
	assert_true(h.until > 0);
	assert_int_equal(hold_look(&h, ends[0]), HOLD_OVER);
}

static void what_others_write_later_is_not_waited_for(void **state)
{
	struct hold h;
	size_t n;

	(void)state;
	make_pair();
	n = fill();
	hold_begin(&h, ends[0], &rec);
	read_at_peer(n);
	while (facts_unsent(ends[0]) == 0)
		assert_true(send(ends[0], bytes, 100000, MSG_DONTWAIT) > 0);
	assert_int_equal(look(&h), HOLD_OVER);
	assert_true(facts_unsent(ends[0]) > 0);
}

static void a_peer_that_resets_ends_it(void **state)
{
	struct linger abort = {1, 0};
	struct hold h;

	(void)state;
	make_pair();
	fill();
	hold_begin(&h, ends[0], &rec);
	setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
	close(ends[1]);
	ends[1] = -1;
	assert_int_equal(look(&h), HOLD_RESET);
}

static void it_does_not_end_before_the_close_that_follows(void **state)
{
	struct hold h = {.until = 1};

	(void)state;
	assert_true(start_busy_enter());
	assert_false(hold_due(&h, 0, 0));
	assert_true(hold_due(&h, 1000, 1000));
	h.closed = false;
	start_busy_leave();
	assert_true(hold_due(&h, 0, 0));
}

/* A thread that stood in a read would have taken it. */
static void input_that_nobody_takes_shows_after_a_few_looks(void **state)
{
	struct hold h;
	int looks = 0;

	(void)state;
	make_pair();
	fill();
	hold_begin(&h, ends[0], &rec);
	h.in_use = true;
	for (int i = 0; i < 20; i++)
		assert_false(hold_unread(&h, ends[0]));
	assert_int_equal(send(ends[1], "x", 1, 0), 1);
	while (!hold_unread(&h, ends[0]) && looks < 1000)
		looks++;
	assert_in_range(looks, 5, 999);
	h.in_use = false;
	assert_false(hold_unread(&h, ends[0]));
}

static void what_the_program_has_shared_itself_is_told(void **state)
{
	struct fdrec shared = {.flags = REC_MADE | REC_SHARED}, received = {.flags = 0};
	struct hold h;

	(void)state;
	make_pair();
	hold_begin(&h, ends[0], &shared);
	assert_true(h.own);
	hold_begin(&h, ends[0], &received);
	assert_false(h.own);
}

static void a_parent_with_the_same_number_or_standard_stream_is_seen(void **state)
{
	int status;

	(void)state;
	make_pair();
	if (fork() == 0) {
		bool same = owner_parent_holds(ends[0]);
		int own = socket(AF_INET, SOCK_STREAM, 0), moved = dup(0);

		_exit(same && !owner_parent_holds(own) && owner_parent_holds(moved) ? 0 : 1);
	}
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
}

static int enter_namespace(void **state)
{
	char why[200];

	(void)state;
	if (!netns_enter(why, sizeof(why)))
		print_message("not in a namespace of its own: %s\n", why);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_under_way_is_waited_for),
		cmocka_unit_test(nothing_under_way_is_not_waited_for),
		cmocka_unit_test(what_others_write_later_is_not_waited_for),
		cmocka_unit_test(a_peer_that_resets_ends_it),
		cmocka_unit_test(it_does_not_end_before_the_close_that_follows),
		cmocka_unit_test(input_that_nobody_takes_shows_after_a_few_looks),
		cmocka_unit_test(what_the_program_has_shared_itself_is_told),
		cmocka_unit_test(a_parent_with_the_same_number_or_standard_stream_is_seen),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
