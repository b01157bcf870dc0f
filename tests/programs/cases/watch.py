# SPDX-License-Identifier: MIT
"""RSTFIX_WATCH: late resets proven without root, and nothing else changes."""

import os
import shutil
import subprocess
import tempfile

from harness.run import PYTHON, script
from harness.scenario import Works, scenario

AUDIT = ("audit",)
FOR_TWO_SECONDS = {"RSTFIX_WATCH": "1"}


def seen(run, how, **options):
    """What the program prints, and the RSTs that are sent meanwhile."""
    before = run.rsts()
    program = run.run(PYTHON, script("late_closes.py"), how, **options)
    assert program.process.returncode == 0, program.err
    return program.out, run.rsts() - before


def watched(run, how):
    """Bare and watched it must be the same; returns the RSTs, and the events of late-data."""
    bare = seen(run, how, shim=False)
    same = seen(run, how, env=FOR_TWO_SECONDS)
    assert same == bare, f"{how}: bare {bare}, watched {same}"
    events = [event for event in run.events()[0] if event.get("pattern") == "late-data"]
    return bare[1], events


@scenario(Works(), modes=AUDIT)
def a_late_reset_is_proven_and_blamed_without_root(run):
    rsts, events = watched(run, "late")
    assert rsts == 1 and len(events) == 1, f"{rsts}, {events}"
    event, = events
    assert (event["op"], event["outcome"], event["action"], event["role"], event["unread"]) == (
        "close", "reset", "log", "server", 0), event
    assert event["local"].startswith(run.host) and event["peer"] and event["frames"], event


@scenario(Works(), modes=AUDIT)
def the_output_that_a_late_reset_destroys_is_told(run):
    rsts, events = watched(run, "output")
    assert rsts >= 1 and len(events) == 1 and events[0]["unsent"] > 100000, f"{rsts}, {events}"
    assert events[0]["harm"] == "output-lost", events


def counted(run, *patterns):
    """By the summaries of all processes: the rate holds no count back."""
    return sum(site["count"] for event in run.events()[0] if event["event"] == "summary"
               for site in event["callsites"] if site["pattern"] in patterns)


@scenario(Works(), modes=AUDIT)
def every_one_of_many_late_resets_is_told(run):
    rsts, events = watched(run, "many")
    assert rsts == 20 and events and counted(run, "late-data") == 20, run.events()[0][-1]


@scenario(Works(), modes=AUDIT)
def a_byte_that_races_with_a_watched_close_is_reset_once_and_told_once(run):
    _, bare = seen(run, "raced", shim=False)
    _, rsts = seen(run, "raced", env=FOR_TWO_SECONDS)
    late, unread = counted(run, "late-data"), counted(run, "unread-close")
    # now and then the listener answers with one more, when two segments have crossed
    assert 200 <= bare <= 210 and 200 <= rsts <= 210, f"{bare} RSTs bare, {rsts} watched"
    assert late and late + unread == 200, f"{late} late, {unread} unread"


@scenario(Works(), modes=AUDIT)
def a_watched_close_whose_peer_closes_is_no_event(run):
    assert watched(run, "fin") == (0, [])


@scenario(Works(), modes=AUDIT)
def a_watched_socket_is_out_of_the_programs_epoll(run):
    rsts, events = watched(run, "epoll")
    assert rsts == 1 and len(events) == 1, f"{rsts}, {events}"


@scenario(Works(), modes=AUDIT)
def a_non_blocking_socket_is_watched_beside_other_threads(run):
    rsts, events = watched(run, "loop")
    assert rsts == 1 and len(events) == 1, f"{rsts}, {events}"


@scenario(Works(), modes=AUDIT)
def what_somebody_might_notice_is_not_watched(run):
    run.traced = False  # a process of the fork may go on sending for a moment
    for how in ("thread", "poll", "fork", "linger"):
        _, events = watched(run, how)
        assert not events, f"{how}: {events}"


@scenario(Works(), modes=AUDIT)
def a_process_that_ends_waits_no_longer_than_for_the_acknowledgement(run):
    assert watched(run, "exit") == (1, [])


@scenario(Works(), modes=AUDIT, needs=("tc",), root=True)
def what_is_under_way_when_a_process_ends_is_blamed_on_the_end_or_the_close_before_it(run):
    """On a slow link, whose FIN is acknowledged after what the peer had sent before."""
    run.traced = False  # the connection is gone for what comes behind
    subprocess.run(["tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "20mbit", "burst",
                    "128kb", "latency", "400ms"], check=True)
    for how, op in (("closes", "close"), ("leaves", "exit"), ("exits", "exit")):
        program = run.run(PYTHON, script("gives_up.py"), how, env=FOR_TWO_SECONDS)
        assert program.process.returncode == 0, program.err
        events = [event for event in run.events()[0] if event.get("pattern") == "late-data"]
        told = [(event["op"], event["outcome"], event["role"]) for event in events]
        assert told == [(op, "reset", "client")], f"{how}: {events}"
        os.unlink(run.log)


@scenario(Works(), modes=AUDIT, root=True, needs=("setpriv",))
def another_user_can_watch(run):
    with tempfile.TemporaryDirectory() as folder:  # the build folder may be root's alone
        os.chmod(folder, 0o755)
        for path in (run.settings.library, script("late_closes.py")):
            shutil.copy(path, folder)
        program = run.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", PYTHON,
                          os.path.join(folder, "late_closes.py"), "late", shim=False,
                          env={"LD_PRELOAD": os.path.join(folder, "librstfix.so"),
                               "RSTFIX_WATCH": "1", "RSTFIX_LOG": run.log, "RSTFIX_FORMAT": "json"})
    assert program.process.returncode == 0, program.err
    events = [event for event in run.events()[0] if event.get("pattern") == "late-data"]
    assert len(events) == 1, run.events()


@scenario(Works(), modes=("fix",))
def in_mode_fix_nothing_is_watched(run):
    program = run.run(PYTHON, script("late_closes.py"), "late", env=FOR_TWO_SECONDS)
    assert program.process.returncode == 0, program.err
    outcomes = {event["outcome"] for event in run.events()[0] if event["event"] == "rst"}
    assert "reset" not in outcomes, run.events()
