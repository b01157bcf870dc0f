# SPDX-License-Identifier: MIT
"""Signals, threads and cancellations, wherever they may strike: what the program sees is what it sees
bare, and each close is counted."""

import os
import re

from harness.run import PROGRAMS
from harness.scenario import Works, scenario

from .attacks import attack
from .families import as_many

SOURCES = os.path.dirname(os.path.dirname(PROGRAMS))


def counted(run):
    """How many events the summary counts, whatever came of them."""
    told, wrong = run.events()
    assert not wrong, "\n".join(wrong)
    return sum(site["count"] for event in told if event.get("event") == "summary"
               for site in event["callsites"])


def judge_closes(run, closes):
    """Each of them resets, and is an event; in fix none does."""
    sent = run.rsts()
    assert as_many(sent, 0 if run.mode == "fix" else closes, closes), f"{sent} RST, {closes} closes"
    assert run.bare or counted(run) == closes, f"{counted(run)} events, not {closes}"


def storm(run, connections, microseconds):
    run.traced = False
    attack(run, "storm", "storm", connections, microseconds, timeout=80,
           expected="both have closed: 1\nmore open: 0\n")
    judge_closes(run, connections + 1)


@scenario(Works())
def handlers_of_a_timer_at_50_khz_close_beside_the_program(run):
    storm(run, 3000, 20)


@scenario(Works(), quick=False)
def handlers_of_a_timer_at_10_khz_close_beside_the_program_for_long(run):
    storm(run, 10000, 100)


def threads(run, number):
    run.traced = False
    attack(run, "storm", "threads", number, timeout=200,
           expected=f"threads: {number}\nmore open: 0\n")
    judge_closes(run, number + 1)


@scenario(Works())
def a_thousand_threads_each_open_and_close(run):
    threads(run, 1000)


@scenario(Works(), quick=False)
def ten_thousand_threads_each_open_and_close(run):
    threads(run, 10000)


# pthreads(7), "Cancellation points", those that must be and those that may be, as far as they deal
# with descriptors or processes; and what glibc's manual pages add: accept4, epoll_*, recvmmsg, sendmmsg.
CANCELLATION_POINTS = set("""
    accept close connect creat fcntl open openat poll pselect read readv recv recvfrom recvmsg select
    send sendmsg sendto system write writev closedir fclose fopen freopen ioctl opendir popen wordexp
    ppoll accept4 epoll_wait epoll_pwait epoll_pwait2 recvmmsg sendmmsg
    open64 openat64 creat64 fopen64 freopen64""".split())


def hooked():
    with open(os.path.join(SOURCES, "shim/hooks.def"), encoding="utf-8") as file:
        return {found[1] for found in re.finditer(r"^HOOK\([^,]+, (\w+),", file.read(), re.M)}


@scenario(Works(), modes=("bare",))
def each_hooked_cancellation_point_has_its_case(run):
    program = run.run(run.victim("attack_cancel"), "list")
    missing = (hooked() & CANCELLATION_POINTS) - set(program.out.split())
    assert not missing, f"attack_cancel.c has none for {missing}"


@scenario(Works(), modes=("audit", "fix"))
def a_cancellation_comes_to_the_same_in_every_hooked_call(run):
    run.traced = False
    bare = run.run(run.victim("attack_cancel"), shim=False)
    assert bare.process.returncode == 0 and ", standing: cancelled" in bare.out, bare.err[-300:]
    here = run.run(run.victim("attack_cancel"))
    differs = set(bare.out.splitlines()) ^ set(here.out.splitlines())
    assert here.process.returncode == 0 and not differs, f"{here.process.returncode}, {differs}"
    last = [event for event in run.events()[0]
            if event.get("program") == "attack_cancel" and event.get("event") == "rst"][-1]
    assert last["op"] == "close" and last["outcome"] in {"reset", "averted"}, last


CHANGES = ("newnet", "files", "newuser", "setns", "chroot", "seteuid", "and-back", "setuid")
UNPROVEN = {"files", "setns"}  # another table, or a child, may hold what the program had before


def judge_change(run, change, pid):
    told, wrong = run.events()
    assert not wrong, "\n".join(wrong)
    ends = {event["sock"]: event["outcome"] for event in told
            if event.get("event") == "rst" and event["pid"] == pid}
    right = {"reset"} if run.mode == "audit" else {"averted", "delivered"}
    if run.mode == "fix" and change in UNPROVEN:
        right |= {"failed"}
    assert len(ends) == 3 and set(ends.values()) <= right, f"{change}: {ends}"


def change(run, name):
    program = attack(run, "worlds", name, expected="close: 0\nchange: 0\nclose: 0\nclose: 0\n")
    assert not program.err, program.err
    if not run.bare:
        judge_change(run, name, program.pid)


@scenario(Works(), root=True)
def a_program_may_change_its_identity_its_root_and_its_namespaces(run):
    run.traced = False
    wrong = []
    for name in CHANGES:
        try:
            change(run, name)
        except AssertionError as error:
            wrong.append(str(error))
    assert not wrong, "\n".join(wrong)


@scenario(Works())
def a_seccomp_filter_after_start_finds_a_shim_that_makes_no_call(run):
    run.traced = False
    attack(run, "worlds", "seccomp", expected="close: 0\nchange: 0\nclose: 0\nclose: 0\n")
    told = {event.get("code") for event in run.events()[0]}
    assert run.bare or "sandbox" in told, told
