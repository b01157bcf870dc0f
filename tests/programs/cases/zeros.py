# SPDX-License-Identifier: MIT
"""A read that returns 0 or fails is a hint: the kernel is asked what is true of the socket."""

from harness.attack import judge, of_pattern
from harness.scenario import Resets, Works, scenario

SAME = "the same number: 1\n"


def zeros(run, case, said):
    run.traced = False  # some of these reset their own peers, with the shim and without
    judge(run.run(run.victim("zeros"), case), said)


@scenario(Resets("unread-close", role="server", loses=False))
def the_end_that_a_thread_reads_is_not_that_of_the_socket_accepted_under_its_number(run):
    zeros(run, "number", SAME + "recv: 0\n")


@scenario(Works())
def the_reset_that_a_thread_reads_is_not_that_of_the_socket_accepted_under_its_number(run):
    zeros(run, "failure", SAME + "recv: ECONNRESET\nread: 0\n")
    wrong = [event["peer"] for event in of_pattern(run, "peer-reset")]
    assert not wrong, f"a client that has not reset is named: {wrong}"


@scenario(Resets("unread-close", role="server", loses=False), modes=("bare", "audit"))
def the_end_read_under_the_same_number_of_another_table_is_not_this_socket_s(run):
    zeros(run, "tables", "")


@scenario(Resets("unread-close", role="server", loses=False))
def the_end_of_a_side_that_a_child_has_shut_is_not_the_peer_s(run):
    zeros(run, "child", "read: 0\n")


@scenario(Resets("unread-close", role="server", loses=False))
def the_end_of_a_side_that_was_shut_by_a_duplicate_is_not_the_peer_s(run):
    zeros(run, "duplicate", "read: 0\n")


@scenario(Resets("unread-close", role="server", loses=False))
def a_peek_that_returns_0_leaves_what_it_has_peeked_at_unread(run):
    zeros(run, "peeked", "peek: 11\npeek: 0\n")


@scenario(Resets("unread-close", role="client", loses=False))
def the_end_of_a_connection_is_not_that_of_the_next_one_by_a_duplicate(run):
    zeros(run, "anew", "read: 0\n")


@scenario(Works(), modes=("audit", "fix"))
def a_write_after_a_child_has_shut_the_reading_side_is_not_one_after_the_peer_s_end(run):
    zeros(run, "writes", "read: 0\nwrite: 1\nread: ECONNRESET\n")
    assert of_pattern(run, "peer-reset"), "no peer-reset event"
    assert not of_pattern(run, "write-after-close"), "told as write-after-close"
