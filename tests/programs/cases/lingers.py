# SPDX-License-Identifier: MIT
"""What lingers after a mended close: nobody waits for it, the program does not see it, and whatever
the program does next, its output arrives."""

import os
import re
import subprocess

from harness.run import PYTHON, script
from harness.scenario import Works, scenario


def victim(run):
    run.traced = False  # many addresses, and more RSTs than a trace holds
    return run.victim("lingers")


def then(run, how, expected, status=0):
    """One close with unread input, and then `how`. Bare the peers are cut short."""
    reader, writer = os.pipe()  # held by the peers as well: read to its end, they have ended
    program = run.run(victim(run), "then", how, stderr=writer)
    os.close(writer)
    with os.fdopen(reader) as told:
        peers = told.read()
    said = program.out
    if run.mode != "fix":
        said = said.replace("peers: 1\n", "peers: 0\n")
    assert (program.process.returncode, said) == (status, expected), (
        f"exit status {program.process.returncode}, it printed {program.out!r}; {peers[-300:]}")
    cut = "cut short" in peers
    assert cut == (run.mode != "fix"), f"the peers say {peers[-300:]!r}"


def ends(run):
    told, _ = run.events()
    return [event["outcome"] for event in told
            if event.get("event") == "rst" and event["outcome"] != "lingering"]


@scenario(Works())
def what_lingers_at_exit_is_delivered(run):
    then(run, "exit", "", 7)


@scenario(Works())
def what_lingers_at__exit_is_delivered(run):
    then(run, "_exit", "", 7)


@scenario(Works())
def what_lingers_at_quick_exit_is_delivered(run):
    then(run, "quick_exit", "", 7)


@scenario(Works())
def what_lingers_at_exit_group_by_syscall_is_delivered(run):
    then(run, "exit_group", "", 7)


@scenario(Works())
def what_lingers_at_exec_is_delivered(run):
    then(run, "exec", "", 7)
    assert run.bare or len(ends(run)) == 1, f"the outcomes are {ends(run)}"


@scenario(Works())
def a_forked_child_that_lingers_has_a_reaper_of_its_own(run):
    then(run, "fork", "peers: 0\n")
    assert run.bare or len(ends(run)) == 2, f"the outcomes are {ends(run)}"


@scenario(Works())
def a_filter_finds_nothing_lingering(run):
    then(run, "seccomp", "filter: 0\npeers: 0\n")


@scenario(Works())
def a_filter_for_all_threads_finds_one_thread(run):
    then(run, "tsync", "filter: 0\npeers: 0\n")


@scenario(Works(), root=True)
def a_user_namespace_can_be_entered_after_a_mended_close(run):
    then(run, "unshare", "unshare: 0\npeers: 0\n")


@scenario(Works(), root=True)
def a_change_of_identity_leaves_no_thread_behind(run):
    then(run, "setuid", "setuid: 0\npeers: 0\n")


@scenario(Works(), root=True)
def a_server_that_forbids_itself_to_fork_waits_for_nothing(run):
    program = run.run(PYTHON, script("forbids_forks.py"))
    assert program.out == "close: at once\n", f"{program.out}, {program.err[-300:]}"
    assert run.rsts() == (run.mode != "fix"), run.rsts()
    assert run.mode != "fix" or ends(run) == ["averted"], run.events()


@scenario(Works())
def as_many_descriptors_are_to_be_had_as_without_the_shim(run):
    then(run, "emfile", "descriptors to be had: 60\npeers: 0\n")


def over_ten_megabits(run, how, pattern):
    subprocess.run(["tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "10mbit", "burst",
                    "128kb", "latency", "400ms"], check=True)
    program = run.run(victim(run), "slow", how, timeout=60)
    expected = "peers: 0\n" if run.mode == "fix" else "peers: 1\n"
    assert program.out == expected, f"{program.out!r}; {program.err[-300:]}"
    if run.mode == "fix":
        assert ends(run) == ["averted"], ends(run)
        assert run.events()[0][0]["pattern"] == pattern, run.events()[0][0]


@scenario(Works(), needs=("tc",), root=True)
def four_megabytes_arrive_over_a_link_of_ten_megabits(run):
    over_ten_megabits(run, "unread", "unread-close")


@scenario(Works(), needs=("tc",), root=True)
def four_megabytes_arrive_though_the_peer_sends_a_late_byte(run):
    over_ten_megabits(run, "late", "late-data")


def rejecting(run, cycles):
    program = run.run(victim(run), "epoll", cycles, timeout=600)
    assert program.process.returncode == 0, program.err[-300:]
    assert "events for closed descriptors: 0\n" in program.out, program.out
    if run.mode == "fix":
        assert "peers: 0\n" in program.out, program.err[-300:]


@scenario(Works())
def an_epoll_server_hears_nothing_of_what_it_has_closed(run):
    # every RST of the others stands in the one trace that all scenarios share
    rejecting(run, 20000 if run.mode == "fix" else 500)


@scenario(Works(), quick=False, modes=("fix",))
def an_epoll_server_hears_nothing_in_a_million_cycles(run):
    rejecting(run, 1000000)


def crowd(run, count):
    program = run.run(victim(run), "many", count, 1024 + 32, timeout=300)
    assert program.process.returncode == 0, program.err[-300:]
    assert "too many descriptors: 0\nmemory has grown: 0\n" in program.out, (
        program.out + program.err[-300:])
    if run.mode == "fix":
        assert "peers: 0\n" in program.out, program.err[-300:]
        most = int(re.search(r"descriptors (\d+)", program.err).group(1))
        assert most > 100, f"at most {most} descriptors: nothing has lingered"


@scenario(Works(), modes=("fix",))
def a_crowd_with_silent_peers_stays_within_its_bounds(run):
    crowd(run, 10000)


@scenario(Works(), quick=False, modes=("fix",))
def a_hundred_thousand_with_silent_peers_stay_within_their_bounds(run):
    crowd(run, 100000)
