# SPDX-License-Identifier: MIT
"""Clean closes of blocking sockets in programs with threads: another of them may stand in a call on
the socket, so that nothing may be done to it. It is held until the peer has what was under way."""

import socket
import time

from harness import peers
from harness.run import PYTHON
from harness.scenario import Works, scenario


def outcomes(run, pattern="late-data"):
    return [event["outcome"] for event in run.events()[0]
            if event.get("event") == "rst" and event["pattern"] == pattern]


def beside_a_thread(run, how, expected):
    program = run.run(run.victim("clean_closes"), how)
    assert (program.process.returncode, program.out) == (0, expected), (
        f"{program.process.returncode}, {program.out!r}, {program.err[-300:]}")


@scenario(Works())
def what_a_late_request_would_destroy_is_held_beside_a_thread(run):
    beside_a_thread(run, "late", f"late: 4\nwhole: {int(run.mode == 'fix')}\n")
    rsts = run.rsts()
    assert rsts >= 1, f"{rsts} RSTs"
    assert outcomes(run) == (["delivered"] if run.mode == "fix" else []), run.events()


@scenario(Works())
def a_peer_that_sends_before_it_reads_is_drained_beside_a_thread(run):
    mended = int(run.mode == "fix")
    beside_a_thread(run, "uploads", f"all is sent: {mended}\nwhole: {mended}\n")
    rsts, told = run.rsts(), outcomes(run)  # the program's end finds all of it delivered
    assert (rsts == 0) == bool(mended), f"{rsts} RSTs"
    assert told == ["delivered"] * mended, told


@scenario(Works())
def what_is_held_beside_a_thread_ends_with_a_FIN_and_is_no_event(run):
    beside_a_thread(run, "quiet", "whole: 1\nslow: 0\n")
    assert run.rsts() == 0 and not outcomes(run), run.events()


@scenario(Works())
def a_thread_that_stands_in_a_read_gets_what_comes_after_a_clean_close(run):
    beside_a_thread(run, "reader", "an end while the reader stands: 0\nthe reader got word\n"
                                   "an end afterwards: 1\n")
    assert run.rsts() == 0 and not outcomes(run), run.events()


@scenario(Works())
def a_thread_that_stands_in_a_write_goes_on_after_a_clean_close(run):
    beside_a_thread(run, "writer", "what was written arrived: 1\n")
    assert run.rsts() == 0 and not outcomes(run), run.events()


@scenario(Works())
def the_FIN_of_a_small_answer_waits_for_nothing(run):
    beside_a_thread(run, "small", "slow: 0\n")


def ask_twice(run):
    """A page is asked for, and once more while the answer is under way: how many bytes came."""
    with socket.create_connection((run.host, run.port), 20) as sock:
        sock.sendall(b"GET /page HTTP/1.0\r\n\r\n")
        time.sleep(0.1)  # the server has closed
        sock.sendall(b"GET /page HTTP/1.0\r\n\r\n")
        return peers.drain(sock)[0]


@scenario(Works())
def a_second_request_to_pythons_http_server_leaves_the_first_answer_whole(run):
    run.traced = False
    size = 400000
    run.path("page", "a" * size)
    run.serve(PYTHON, "-m", "http.server", "-b", run.host, "-d", run.folder, run.port)
    got = [ask_twice(run) for _ in range(3)]
    whole, _ = sum(received > size for received in got), run.rsts()
    assert whole == (3 if run.mode == "fix" else 0), got
    assert run.mode != "fix" or outcomes(run) == ["delivered"] * 3, run.events()
