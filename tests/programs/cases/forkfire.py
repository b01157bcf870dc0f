# SPDX-License-Identifier: MIT
"""Threads that fork and close under each other's hands."""

import re

from harness.scenario import Works, scenario

from .families import EVERY_EVENT, as_many, closes, reordered


def fire(run, seconds, most_a_second):
    """Sixteen threads: what a child still holds is whole, and every reset is told once, but for lines
    that were counted as lost, and for two holders that close in the same moment: both may find that
    nobody is left, and one whose look came before the other's input may turn out to be the last."""
    run.traced = False
    program = run.run(run.victim("forkfire"), 16, seconds, most_a_second,
                      env={} if run.bare else EVERY_EVENT, timeout=seconds + 60)
    said = re.fullmatch(r"(\d+) connections, \d+ children, 0 of them astray\n", program.out)
    assert program.process.returncode == 0 and said, f"{program.out!r} {program.err[-500:]}"
    closed, rsts = int(said.group(1)), run.rsts()
    if run.bare:
        assert as_many(rsts, closed, closed), f"{rsts} RSTs of {closed} connections"
        return
    told, _ = run.events()
    lost = sum(event["lost"] for event in told if event["event"] == "summary")
    ended = closes(run)
    reset = [event for event in ended if event["outcome"] in ("reset", "failed")]
    assert closed * 0.999 - lost <= len(ended) <= closed * 1.01 + lost, (
        f"{len(ended)} events and {lost} lost of {closed} connections")
    assert rsts * 0.999 - lost - reordered(closed) <= len(reset) <= rsts * 1.01 + lost, (
        f"{rsts} RSTs, {len(reset)} events")


@scenario(Works())
def sixteen_threads_fork_and_close_for_three_seconds(run):
    fire(run, 3, 2000)


@scenario(Works(), quick=False)
def sixteen_threads_fork_and_close_for_a_minute(run):
    fire(run, 60, 500)
