# SPDX-License-Identifier: MIT
"""Holders of a socket that end or execute while the others close: a count of them must not come to
be too low, or a socket that somebody still uses is mended."""

from cases.families import attack
from harness.scenario import Works, scenario


def counted(run, case):
    attack(run, case, victim="attack_counts")


@scenario(Works())
def a_child_whose_exit_is_ended_by_a_handler_is_counted_off_once(run):
    counted(run, "exit-handler")


@scenario(Works())
def a_thread_that_serves_during_its_process_exit_keeps_the_socket_whole(run):
    counted(run, "exit-thread")


@scenario(Works())
def a_child_whose_exec_is_still_looking_keeps_what_is_close_on_exec(run):
    counted(run, "exec-search")


@scenario(Works())
def a_close_beside_an_exec_is_counted_off_once(run):
    counted(run, "exec-close")


@scenario(Works())
def a_close_in_a_handler_during_an_exec_is_counted_off_once(run):
    counted(run, "exec-handler")


@scenario(Works())
def a_child_made_without_a_door_takes_nothing_off_the_count(run):
    counted(run, "inline")
