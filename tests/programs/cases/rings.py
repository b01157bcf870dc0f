# SPDX-License-Identifier: MIT
"""io_uring: what a ring may hold is left alone, and once a process it is said that its operations
are not seen."""

import ctypes

from harness.scenario import Skip, Works, scenario

CLOSED = "close: 0\nthe peer reads: "
UNHELD = CLOSED + "ECONNRESET\n"
HELD = CLOSED + "EAGAIN\n"
WHY = "a ring of io_uring may hold it"


def ring(run, case, expected, **env):
    run.traced = False  # a ring lets go of its sockets after the end of its program
    program = run.run(run.victim("attack_rings"), case, env=env)
    if "io_uring_setup: " in program.err:
        raise Skip("io_uring is not to be had here")
    status, said = program.process.returncode, program.out
    assert (status, said) == (0, expected), f"exit status {status}: {said!r} {program.err[-300:]}"
    told, _ = run.events()
    notices = [event for event in told if event.get("code") == "io-uring"]
    assert len(notices) == (0 if run.bare else 1), notices
    return [(event["pattern"], event["outcome"], event.get("why")) for event in told
            if event["event"] == "rst" and event["op"] == "close"]


def needs_liburing():
    try:
        ctypes.CDLL("liburing.so.2")
    except OSError:
        raise Skip("liburing.so.2 is not installed") from None


@scenario(Works())
def a_socket_that_is_registered_with_a_ring_stays_whole(run):
    told = ring(run, "held", HELD)
    assert not told, told


@scenario(Works())
def a_socket_that_is_registered_by_liburing_loaded_late_stays_whole(run):
    needs_liburing()
    told = ring(run, "loaded", CLOSED + "EBADF\n" + HELD)
    assert len(told) == (0 if run.bare else 1), told


@scenario(Works())
def a_shutdown_of_a_socket_that_a_ring_holds_is_the_kernel_s(run):
    ring(run, "shut", "shutdown: 0\nwrite: 1\nwrite, after a reset: EPIPE\n")


@scenario(Works())
def a_close_beside_a_ring_that_does_not_hold_it_is_told_and_left_alone(run):
    told = ring(run, "unheld", UNHELD)
    expected = {"bare": [], "audit": [("unread-close", "reset", None)],
                "fix": [("unread-close", "failed", WHY)]}[run.mode]
    assert told == expected, told


@scenario(Works(), modes=("audit", "fix"))
def a_program_that_liburing_is_loaded_into_is_told_of_once(run):
    needs_liburing()
    told = ring(run, "unheld", UNHELD, LD_PRELOAD=f"{run.settings.library}:liburing.so.2")
    assert len(told) == 1, told
