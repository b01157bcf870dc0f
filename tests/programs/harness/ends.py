# SPDX-License-Identifier: MIT
"""Clients that end with their connection open, and what is expected of them (ends.h)."""

import time

from harness.peers import Answerer
from harness.scenario import Resets

LARGE, TAIL, LINE = 4 << 20, 1000, 2

# Where the client waits for its peer to read there may be nothing left to lose.
AT_EXIT = Resets("unread-close", ops=("exit",), role="client", unread=1, loses=False)
AT_EXEC = Resets("unread-close", ops=("exec",), role="client", unread=1, loses=False)


def end(run, how, size=LARGE, busy=0.3, others=(), filtered=False, env=None, status=0,
        victim="ends"):
    """Plays one client against a peer that is busy for a while before it reads: (what the peer got,
    the program, when it had ended, when the peer had everything)."""
    peer = Answerer(run, answer=1, busy=busy, expected=size + LINE)
    peer.start()
    for other in others:
        other.start()
    ports = [peer.port] + [other.port for other in others]
    program = run.start(run.victim(victim), how, *ports, *(["filtered"] if filtered else []),
                        env=env)
    got = program.process.wait(40)
    ended = time.monotonic()
    assert got == status, f"exit status {got}, {program.err[-300:]}"
    transfer = peer.result()
    return transfer, program, ended, time.monotonic()


def single(run):
    """Exactly one event, and of the client itself."""
    told = [event for event in run.events()[0] if event.get("event") == "rst"]
    assert run.bare or len(told) == 1, [(event["op"], event["outcome"]) for event in told]
    return told[0] if told else None
