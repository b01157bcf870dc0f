# SPDX-License-Identifier: MIT
"""Sockets that travel over a unix socket while they are closed here: whoever has received one keeps it
whole. What could not be sent is still the program's alone."""

from cases.families import attack
from harness.scenario import Resets, Works, scenario

HELD = "the holder reads: 11\nthe holder sends: 1\nthe peer reads: 1\n"
FULL = "".join(f"{call}: EAGAIN\n" for call in
               ("sendmsg", "sendmsg by syscall", "sendmmsg", "sendmmsg by syscall"))


def travels(run, case, expected, events=0):
    attack(run, case, victim="attack_travels", expected=expected, events=events)


@scenario(Works())
def a_socket_closed_beside_the_sendmsg_that_sends_it_stays_whole(run):
    travels(run, "threads", HELD * 5)


@scenario(Works())
def a_socket_closed_in_a_handler_during_the_sendmsg_that_sends_it_stays_whole(run):
    travels(run, "handler", HELD)


@scenario(Works())
def a_child_that_closes_last_while_a_socket_is_sent_leaves_it_whole(run):
    travels(run, "counted", HELD)


@scenario(Resets("unread-close", role="server", loses=False))
def a_close_after_a_sendmsg_that_found_no_room(run):
    travels(run, "full", FULL, events=1)


@scenario(Resets("unread-close", role="server", loses=False))
def the_last_close_of_a_family_after_a_sendmsg_that_found_no_room(run):
    travels(run, "full-family", FULL, events=1)
