# SPDX-License-Identifier: MIT
"""The shim's own descriptor numbers, and the signals of a socket that was closed."""

from harness.attack import WHOLE, attack
from harness.scenario import Clean, Works, scenario


@scenario(Works())
def a_line_of_the_log_goes_to_no_descriptor_that_took_its_number(run):
    run.traced = False  # more refused connections than a trace holds
    attack(run, "numbers", "last", expected="nothing\n",
           env={} if run.bare else {"RSTFIX_RATE": "1000000", "RSTFIX_BACKTRACE": "0"})


@scenario(Works())
def a_vfork_child_that_takes_all_numbers_costs_its_parent_none(run):
    attack(run, "numbers", "vfork", expected="more open: 0\n")


@scenario(Works())
def a_closed_socket_raises_no_signal(run):
    attack(run, "numbers", "urgent", expected="SIGURG: 0\n")


@scenario(Works())
def the_shim_s_own_numbers_are_none_to_a_program_that_closes_each(run):
    attack(run, "numbers", "each", expected="closed: 2\n")


@scenario(Works())
def thousands_of_duplicates_are_closed_at_once(run):
    attack(run, "numbers", "duplicates", expected="closed at once\n")


@scenario(Clean())
def a_number_above_the_limit_is_not_closed_by_a_duplicate(run):
    program = attack(run, "numbers", "above-limit",
                     expected="dup2: EBADF\n" + WHOLE + "dup3: EBADF\n" + WHOLE,
                     env={} if run.bare else {"RSTFIX_LOG": "stderr", "RSTFIX_FORMAT": "text"})
    assert not program.err, program.err
