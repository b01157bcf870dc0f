# SPDX-License-Identifier: MIT
"""As attacks.py, on the mend: its limits, who waits for it, and what it may not take along."""

import socket
import time

from harness import events as log
from harness import peers
from harness.attack import attack, of_pattern
from harness.run import PYTHON, script
from harness.scenario import Resets, Works, scenario


# --- limits of the mend ---

class Greedy(Resets):
    """As Resets, but at its limit the mend delivers everything and may end with RST."""

    def judge(self, run, transfer, rsts, told):
        if run.mode != "fix":
            return super().judge(run, transfer, rsts, told)
        wrong = [] if transfer.received == transfer.expected else [
            f"the peer did not get everything: {transfer}"]
        outcomes = {event["outcome"] for event in told if event["pattern"] == self.pattern}
        if not outcomes or not outcomes <= log.MENDED:
            wrong.append(f"outcomes {outcomes or 'none'}")
        return wrong


@scenario(Greedy("unread-close", role="client"))
def a_client_with_more_unread_than_its_limit_of_bytes(run):
    env = {} if run.bare else {"RSTFIX_LINGER": "bytes=65536"}
    transfer = peers.Transfer(0, 0, "")
    with socket.create_server((run.host, run.port)) as listener:
        client = run.start(PYTHON, script("unread_client.py"), run.host, run.port, env=env)
        conn, _ = listener.accept()
    with conn:
        conn.settimeout(20)
        conn.setblocking(False)
        try:
            while True:
                conn.send(bytes(65536))
        except BlockingIOError:
            conn.settimeout(20)
        while not client.out.endswith("\n"):
            assert client.process.poll() is None, client.err
            time.sleep(0.01)
        time.sleep(0.3)
        transfer.received, transfer.end, _ = peers.drain(conn)
    transfer.expected = int(client.out)
    assert client.wait() == 0, client.err
    return transfer


@scenario(Works())
def a_worker_is_told_of_linger_zero_that_its_master_set_after_the_fork(run):
    size = 2 << 20
    run.serve(PYTHON, script("late_linger.py"), run.host, run.port, size)
    with socket.create_connection((run.host, run.port), 20) as sock:
        sock.sendall(b"request\n")
        peers.wait_hangup(sock, 0.6)
        received, end, _ = peers.drain(sock)
    run.programs[0].wait()
    if run.mode != "fix":
        assert received < size and end == "ECONNRESET", f"{received} of {size} bytes, end {end}"
    assert run.bare or of_pattern(run, "linger-zero"), "no linger-zero event"


def closers(run, *args, expected):
    run.traced = False
    attack(run, "closers", *args, expected=expected, timeout=60)


@scenario(Works())
def a_thread_that_stands_in_a_write_is_not_cut_short(run):
    run.traced = False
    program = run.run(run.victim("attack_closers"), "writer")
    assert program.process.returncode == 0 and "the writer ends with EBADF" in program.out, (
        f"{program.process.returncode}, {program.out!r}, {program.err[-300:]}")
    assert run.mode != "fix" or "the peer got what it wrote: 1\n" in program.out, program.out


def standing(run, *args, expected, rsts, pattern="unread-close"):
    attack(run, "calls", *args, expected=expected)
    sent, told = run.rsts(), of_pattern(run, pattern)
    assert sent == (0 if run.mode == "fix" else rsts), f"{sent} RSTs"
    ends = [event["outcome"] for event in told if event["outcome"] != "lingering"]
    assert run.bare or len(ends) == rsts, f"{rsts} RSTs bare, and the events end with {ends}"
    assert run.mode != "fix" or set(ends) <= log.MENDED, ends


@scenario(Works())
def a_thread_that_stands_in_a_splice_to_a_socket_is_not_cut_short(run):
    standing(run, "output", expected="splice: 4\nthe peer gets: 4\n" * 2, rsts=2)


@scenario(Works())
def a_thread_that_stands_in_a_splice_by_syscall_is_not_cut_short(run):
    standing(run, "output", "syscall", expected="splice: 4\nthe peer gets: 4\n" * 2, rsts=2)


@scenario(Works())
def a_thread_that_stands_in_sendfile_is_not_cut_short(run):
    standing(run, "file", expected="the peer gets what was sent: 1\nsendfile: 1\n", rsts=1)


@scenario(Works())
def a_thread_that_stands_in_sendfile_by_syscall_is_not_cut_short(run):
    standing(run, "file", "syscall", expected="the peer gets what was sent: 1\nsendfile: 1\n",
             rsts=1)


@scenario(Works())
def a_thread_that_stands_in_a_splice_from_a_socket_gets_what_is_unread(run):
    standing(run, "input", expected="splice: 11\n", rsts=0)


@scenario(Works())
def a_thread_that_stands_in_a_splice_from_a_socket_by_syscall_gets_what_is_unread(run):
    standing(run, "input", "syscall", expected="splice: 11\n", rsts=0)


@scenario(Works())
def a_thread_that_stands_in_a_splice_gets_what_comes_after_linger_zero(run):
    standing(run, "linger-zero", expected="the peer hears: 0\nsplice: 4\n", rsts=1,
             pattern="linger-zero")


@scenario(Works())
def a_thread_that_waits_for_more_than_is_unread_gets_all_of_it(run):
    standing(run, "low-water", expected="recv: 22\n", rsts=0)


@scenario(Works())
def a_thread_that_was_cancelled_in_a_splice_delays_no_close(run):
    standing(run, "cancelled", expected="the peer hears at once: 1\n", rsts=1)


@scenario(Works())
def an_epoll_that_was_closed_first_delays_no_close(run):
    closers(run, "closed-epoll", expected="registered: 0\nslow: 0\n")


@scenario(Works())
def an_epoll_under_another_number_hears_nothing(run):
    closers(run, "renamed-epoll",
            expected="registered: 0\nevents for a closed descriptor: 0\n")


@scenario(Works())
def seconds_to_linger_with_unread_input_are_not_waited_for(run):
    closers(run, "seconds", expected="slow: 0\n")


@scenario(Works())
def a_signal_that_interrupts_seconds_to_linger_finds_the_socket_closed(run):
    closers(run, "seconds-interrupted",
            expected="after a jump: EBADF\na handler: at once\n"
                     "blocked and ignored: after its time\nblocked: 1\n")


@scenario(Works())
def threads_that_outlive_the_first_one_close_at_once(run):
    closers(run, "main-ends", expected="slow: 0\n")


@scenario(Works(), root=True)
def closes_beside_seteuid_are_not_slow(run):
    closers(run, "beside", "seteuid", expected="slow: 0\n")


@scenario(Works(), root=True)
def closes_beside_initgroups_are_not_slow(run):
    closers(run, "beside", "initgroups", expected="slow: 0\n")


@scenario(Works(), root=True)
def an_identity_is_given_up_by_all_threads_and_at_once(run):
    closers(run, "identity",
            expected="setuid: 0\nat once: 1\nthreads that are somebody else: 0\n")


@scenario(Works(), root=True)
def a_socket_in_repair_mode_is_closed_without_a_packet(run):
    closers(run, "repair", expected="repair: 0\nclose: 0\nthe peer hears: 0\n")
    assert run.bare or not of_pattern(run, "unread-close"), "it is told"
