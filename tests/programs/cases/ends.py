# SPDX-License-Identifier: MIT
"""Programs that end with their connections open: what they wrote arrives, nobody waits longer than
that takes, and what is somebody else's is left alone."""

import re
import socket
import subprocess

from harness.ends import AT_EXIT, LARGE, LINE, TAIL, end, single
from harness.peers import Answerer, Transfer, drain, error_name
from harness.scenario import Clean, Resets, Works, scenario

SLACK = 0.3  # seconds, of a busy machine

LOSES = Resets("unread-close", ops=("exit",), role="client", unread=1)


def called(program):
    """When the program called exit()."""
    return float(re.search(r"ends at ([0-9.]+)", program.err).group(1))


def whole(transfer, program):
    """Everything that a client wrote which filled what the kernels hold."""
    transfer.expected = int(re.search(r"wrote: (\d+)", program.out).group(1)) + LINE
    return transfer


# --- the rescue ---

def in_time(run, *args, **kwargs):
    """Exit takes no longer than the delivery of four megabytes."""
    transfer, program, ended, delivered = end(run, *args, **kwargs)
    took, delivery = ended - called(program), delivered - called(program)
    assert took < max(delivery, 0) + SLACK, f"exit took {took:.2f} s, delivery {delivery:.2f} s"
    single(run)
    return transfer, program, took


@scenario(Works())
def a_client_that_exits_before_its_peer_reads(run):
    """It waits for room at its peer, and not for ever."""
    transfer, program, took = in_time(run, "undelivered", busy=1.2, env={"RSTFIX_EXIT": "500ms"})
    assert took < 0.5 + SLACK, f"exit took {took:.2f} s"
    if run.mode == "fix":
        assert "kernel" in single(run)["why"], single(run)
        assert single(run)["outcome"] == "expired", single(run)
        whole(transfer, program)
        assert transfer.received == transfer.expected, transfer


@scenario(LOSES)
def a_client_with_a_filter_of_its_own_that_exits_before_its_peer_reads(run):
    transfer, program, _ = in_time(run, "undelivered", busy=0.6, filtered=True)
    return whole(transfer, program)


@scenario(AT_EXIT)
def a_client_that_exits_with_a_byte_unread(run):
    return in_time(run, "large")[0]


@scenario(AT_EXIT)
def a_client_with_a_filter_of_its_own_that_exits(run):
    return in_time(run, "large", filtered=True)[0]


def over_ten_megabits(run, filtered):
    subprocess.run(["tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "10mbit", "burst",
                    "128kb", "latency", "400ms"], check=True)
    transfer, _, took = in_time(
        run, "large", busy=0, filtered=filtered, env={"RSTFIX_EXIT": "20s"})
    if run.mode == "fix" and filtered:
        assert took > 1, f"exit took {took:.2f} s: four megabytes cannot have gone"
    return transfer


@scenario(LOSES, needs=("tc",), root=True)
def four_megabytes_at_exit_over_a_link_of_ten_megabits(run):
    return over_ten_megabits(run, False)


@scenario(LOSES, needs=("tc",), root=True)
def four_megabytes_at_exit_with_a_filter_over_a_link_of_ten_megabits(run):
    return over_ten_megabits(run, True)


@scenario(Works())
def with_RSTFIX_EXIT_0_nothing_is_waited_for(run):
    _, program, ended, _ = end(
        run, "undelivered", busy=1.5, filtered=True, env={"RSTFIX_EXIT": "0"})
    assert ended - called(program) < SLACK
    if run.mode == "fix":
        assert single(run)["outcome"] == "expired", single(run)


@scenario(Works(), modes=("fix",))
def a_deaf_peer_is_waited_for_as_long_as_RSTFIX_EXIT_says(run):
    _, program, ended, _ = end(
        run, "undelivered", busy=1.5, filtered=True, env={"RSTFIX_EXIT": "500ms"})
    took = ended - called(program)
    assert 0.45 < took < 0.5 + SLACK, f"exit took {took:.2f} s"
    assert single(run)["outcome"] == "expired", single(run)


@scenario(Works())
def more_sockets_than_may_be_waited_for(run):
    """They are drained, and left to the kernel."""
    others = [Answerer(run, answer=1, busy=0.6) for _ in range(2)]
    first, program, _, _ = end(run, "several", busy=0.6, others=others, filtered=True,
                               env={"RSTFIX_LINGER": "sockets=1"})
    transfers = [first] + [other.result() for other in others]
    wrote = [int(number) + LINE for number in re.findall(r"wrote: (\d+)", program.out)]
    got = [transfer.received for transfer in transfers]
    assert (wrote == got) == (run.mode == "fix"), f"{got} of {wrote}"
    if run.mode == "fix":
        outcomes = [event["outcome"] for event in run.events()[0] if event["event"] == "rst"]
        assert outcomes.count("expired") == 2 and len(outcomes) == 3, outcomes


@scenario(Resets("unread-close", ops=("exit",), role="server", loses=True))
def a_server_that_exits_while_a_client_uploads_before_it_reads(run):
    """A filter that takes no more input would make the two wait for each other."""
    program = run.serve(run.victim("ends"), "serve", run.port)
    sock = socket.create_connection((run.host, run.port), 20)
    transfer = Transfer(0, 0, "")
    try:
        sock.sendall(bytes(64 << 20))
    except OSError as error:
        transfer.send_error = error_name(error)
    transfer.received, transfer.end, _ = drain(sock)
    sock.close()
    assert program.wait() == 0, program.err
    assert run.mode != "fix" or not transfer.send_error, transfer.send_error
    transfer.expected = int(re.search(r"wrote: (\d+)", program.out).group(1))
    return transfer


# --- exit status ---

def keeps_its_reset(run, how, signal):
    end(run, how, status=-signal)
    resets = run.rsts()
    if run.reasons() is not None:  # what was under way is answered as well
        resets -= run.reasons().count("NO_SOCKET")
    assert resets == 1 and not run.events()[0], (resets, run.events()[0])


@scenario(Works())
def a_client_that_is_killed_keeps_its_reset(run):
    keeps_its_reset(run, "killed", 9)


@scenario(Works())
def a_client_that_aborts_itself_keeps_its_reset(run):
    keeps_its_reset(run, "aborted", 6)


@scenario(Resets("unread-close", ops=("exit",), role="client", unread=1, loses=False,
                 mended=False))
def a_client_that_fails_keeps_its_reset(run):
    return end(run, "stream-failed", LARGE + TAIL, status=3)[0]


@scenario(AT_EXIT)
def a_client_that_fails_is_mended_by_a_rule(run):
    rule = {"RSTFIX_POLICY": "unread-close status=zero -> log; unread-close status=nonzero -> fix"}
    if run.mode == "audit":  # run dry: the event names the action of the rule
        rule = {}
    return end(run, "stream-failed", LARGE + TAIL, status=3, env=rule)[0]


# --- streams ---

@scenario(AT_EXIT)
def a_stream_with_unflushed_output(run):
    return end(run, "stream", LARGE + TAIL)[0]


@scenario(AT_EXIT)
def a_stream_with_unflushed_output_and_a_filter(run):
    return end(run, "stream", LARGE + TAIL, filtered=True)[0]


@scenario(AT_EXIT)
def two_streams_of_one_connection(run):
    return end(run, "two-streams", LARGE + TAIL)[0]


@scenario(Works())
def more_streams_than_are_remembered_are_left_alone(run):
    transfer = end(run, "three-streams", LARGE + TAIL)[0]
    assert transfer.received < transfer.expected, transfer
    if run.mode == "fix":
        assert single(run)["outcome"] == "failed", single(run)


@scenario(Works())
def a_closed_stream_is_forgotten(run):
    other = Answerer(run, answer=1, busy=0.3, expected=LARGE + LINE)
    end(run, "stream-closed", 1, others=(other,))
    transfer = other.result()
    assert (transfer.received == transfer.expected) == (run.mode == "fix"), transfer
    single(run)


# --- threads ---

def leaves_alone(run, how):
    """Nothing is told, nothing is waited for."""
    transfer, program, ended, _ = end(run, how, busy=1.5, filtered=True)
    took = ended - called(program)
    assert took < SLACK, f"exit took {took:.2f} s"
    assert not run.events()[0], run.events()[0]
    return whole(transfer, program)


@scenario(Clean())
def a_thread_that_sits_in_fgets(run):
    return leaves_alone(run, "in-fgets")


@scenario(Clean())
def a_thread_that_sits_in_read(run):
    return leaves_alone(run, "in-read")


@scenario(Works())
def a_thread_that_goes_on_writing_does_not_change_the_status(run):
    """It may be writing to either connection: the one without room is half-closed later."""
    other = Answerer(run, answer=1, busy=0)
    run.traced = False
    transfer, program, _, _ = end(run, "in-write", busy=0.6, others=(other,), filtered=True)
    other.result()
    whole(transfer, program)
    assert (transfer.received == transfer.expected) == (run.mode == "fix"), transfer


@scenario(Works())
def a_thread_that_sits_in_write_notices_nothing(run):
    end(run, "in-full-write", busy=1, filtered=True, env={"RSTFIX_EXIT": "500ms"})
    if run.mode == "fix":
        assert single(run)["outcome"] == "expired", single(run)


# --- handlers ---

@scenario(Resets("unread-close", role="client", unread=1, loses=False))
def a_socket_that_a_handler_closes_at_exit(run):
    transfer = end(run, "handler")[0]
    ops = {event["op"] for event in run.events()[0] if event.get("event") == "rst"}
    assert ops <= {"close"}, ops
    return transfer


@scenario(AT_EXIT)
def an_exit_within_an_exit(run):
    transfer = end(run, "twice")[0]
    single(run)
    return transfer


@scenario(AT_EXIT)
def a_quick_exit_whose_handler_still_writes(run):
    transfer = end(run, "quick", LARGE + TAIL)[0]
    single(run)
    return transfer


@scenario(AT_EXIT)
def an__exit_in_a_signal_handler(run):
    transfer = end(run, "signal")[0]
    single(run)
    return transfer


# --- what is written after the last handler ---

def writes_on(run, how):
    """Bare the tail is lost with the reset, or not, by chance; in fix it always arrives."""
    transfer = end(run, how, TAIL, busy=0.1, filtered=True, victim="ends_writers")[0]
    if run.mode == "fix":
        assert transfer.received == TAIL + LINE, f"{transfer}, {run.events()[0]}"


@scenario(Works())
def standard_output_that_is_a_socket_is_flushed_at_exit(run):
    writes_on(run, "standard-output")


@scenario(Works())
def a_stream_that_hides_its_socket_is_flushed_at_exit(run):
    writes_on(run, "cookie")


def child_writes_on(run, how):
    """It holds the socket until exit() has written everything: its parent's close is not the last."""
    transfer = end(run, how, busy=0.4, filtered=True, victim="ends_writers")[0]
    told = [event for event in run.events()[0] if event.get("op") == "close"]
    assert not told, told
    return transfer


@scenario(AT_EXIT)
def a_childs_standard_output_that_is_flushed_while_its_parent_closes(run):
    """Who is the last is seen when all is written."""
    transfer = child_writes_on(run, "child-standard-output")
    single(run)
    return transfer


@scenario(Works())
def a_childs_stream_whose_number_was_replaced_while_its_parent_closes(run):
    child_writes_on(run, "child-file")


@scenario(Works())
def a_childs_stream_that_hides_its_socket_while_its_parent_closes(run):
    child_writes_on(run, "child-cookie")


@scenario(Works())
def a_thread_that_writes_while_exit_waits_sees_nothing_of_it(run):
    end(run, "thread", TAIL, filtered=True, victim="ends_writers")
