# SPDX-License-Identifier: MIT
"""Connections that came from another program: whoever answers one does not know who else has it. In
fix it is held past the close until all output is acknowledged, and nothing else is done to it."""

import os
import re
import socket
import time

from harness import events as log
from harness import namespace
from harness.peers import drain
from harness.scenario import Works, scenario

LARGE, MORE, PEERS = 2 << 20, 1000, 4
EVERY_EVENT = {"RSTFIX_RATE": "1000000"}


def hold_much():
    """A write takes it all at once, while the peer has room for a part."""
    namespace.write("/proc/sys/net/ipv4/tcp_wmem", "4096 8388608 16777216")


def program(run, how):
    return run.victim("passes" if how in ("pass", "execute") else "given")


def play_peers(run, count, expected, late):
    """(how many got everything, how many ended with a FIN)"""
    peers = [run.start(run.victim("given"), "peers", run.port, count // PEERS, expected, "-",
                          *(["late"] if late else []), shim=False) for _ in range(PEERS)]
    got = []
    for peer in peers:
        assert peer.wait(240) == 0, peer.err
        got.append(tuple(map(int, re.fullmatch(r"(\d+) whole, (\d+) FIN\n", peer.out).groups())))
    return sum(pair[0] for pair in got), sum(pair[1] for pair in got)


def give(run, how, count, end, late=False, expected=LARGE):
    """What count peers got, the RSTs, and the events, but that an acceptor has shared it."""
    run.traced = False  # more RSTs than a trace holds
    hold_much()
    server = run.serve(program(run, how), how, run.port, count, LARGE, end,
                       *(["late"] if late else []), env={} if run.bare else EVERY_EVENT)
    whole, fins = play_peers(run, count, expected, late)
    assert server.wait(60) == 0, server.err
    assert not server.err, server.err
    told, wrong = run.events()
    assert not wrong, wrong[:3]
    return whole, fins, run.rsts(), [event for event in log.resets(told)
                                     if event["outcome"] != "shared"]


def delivers(run, how, count, end, late=False, ops=None, told=True, loses=True,
             pattern="unread-close"):
    """Bare all are cut short, and in fix none is. The socket is closed as it was in each mode: what
    is unread resets, after all is delivered."""
    whole, fins, rsts, events = give(run, how, count, end, late)
    found = {(event["pattern"], event["op"], event["outcome"]) for event in events}
    said = f"{whole} of {count} whole, {fins} FIN, {rsts} RSTs, {len(events)} events: {found}"
    if run.mode != "fix":
        assert whole < count or not loses, said
    else:
        assert whole == count, said
    assert late or count <= rsts <= count + count // 100 + 3, said
    if run.bare or (late and run.mode == "audit") or not told:
        return
    patterns = {"late-data", pattern} if late else {pattern}
    assert {event["pattern"] for event in events} <= patterns, said
    assert {event["op"] for event in events} <= {"close", *(ops or (end,))}, said
    # Two holders that close in the same moment may both find that nobody is left. And who gave it away
    # may be held up between the look, when nothing is unread yet, and its close, which is the last then.
    race = max(count // 50, 1)
    assert count - race <= len(events) <= count + race, said
    if run.mode == "fix":
        outcomes = [event["outcome"] for event in events]
        if loses:  # what was acknowledged before is not held
            assert outcomes.count("delivered") >= count // 2, said
        # A linger-0 that destroys nothing is left alone.
        left = {"failed", "reset"} if pattern == "linger-zero" else {"failed"}
        assert set(outcomes) <= left | {"delivered"}, said


# --- a service of inetd's ---

@scenario(Works())
def a_service_of_inetds_that_exits_delivers_everything(run):
    delivers(run, "inetd", 100, "exit")


@scenario(Works())
def a_service_of_inetds_that_calls__exit_delivers_everything(run):
    delivers(run, "inetd", 60, "_exit", ops=("exit",))


@scenario(Works())
def a_service_of_inetds_that_closes_delivers_everything(run):
    delivers(run, "inetd", 60, "close")


@scenario(Works())
def a_service_of_inetds_that_closes_all_delivers_everything(run):
    delivers(run, "inetd", 40, "close_range")


@scenario(Works())
def a_service_of_inetds_that_detaches_its_standard_streams_delivers_everything(run):
    delivers(run, "inetd", 40, "dup2")


@scenario(Works())
def a_service_of_inetds_that_closes_its_streams_delivers_everything(run):
    delivers(run, "inetd", 40, "fclose")


@scenario(Works())
def a_service_of_inetds_that_executes_another_program_delivers_everything(run):
    delivers(run, "inetd", 40, "exec", told=False)


@scenario(Works())
def a_service_of_inetds_that_has_armed_linger_zero_delivers_everything(run):
    delivers(run, "inetd", 40, "linger", ops=("exit",), pattern="linger-zero")


@scenario(Works())
def a_service_of_inetds_with_a_thread_delivers_everything(run):
    delivers(run, "inetd", 40, "thread", told=False)


@scenario(Works())
def a_service_of_inetds_that_knows_stdio_only_delivers_everything(run):
    delivers(run, "inetd", 40, "stdio", ops=("exit",))


@scenario(Works())
def a_service_of_inetds_that_exits_before_its_peer_sends_more_delivers_everything(run):
    delivers(run, "inetd", 40, "exit", late=True)


@scenario(Works())
def a_service_of_inetds_that_closes_before_its_peer_sends_more_delivers_everything(run):
    delivers(run, "inetd", 40, "close", late=True)


@scenario(Works())
def a_service_that_gets_its_connection_as_LISTEN_FDS_delivers_everything(run):
    delivers(run, "activate", 60, "close")


@scenario(Works())
def a_service_that_exits_with_its_connection_of_LISTEN_FDS_delivers_everything(run):
    delivers(run, "activate", 60, "exit")


# --- a worker that gets it over a unix socket ---

@scenario(Works())
def a_worker_that_closes_what_it_was_sent_delivers_everything(run):
    delivers(run, "pass", 200, "close")


@scenario(Works())
def a_worker_that_exits_with_what_it_was_sent_delivers_everything(run):
    delivers(run, "pass", 60, "exit")


@scenario(Works())
def a_worker_of_many_threads_delivers_everything(run):
    delivers(run, "pass", 200, "threads")


@scenario(Works())
def a_worker_that_puts_another_file_in_its_place_delivers_everything(run):
    delivers(run, "pass", 60, "dup2")


@scenario(Works())
def a_worker_that_closes_before_its_peer_sends_more_delivers_everything(run):
    delivers(run, "pass", 60, "close", late=True)


@scenario(Works())
def a_worker_with_an_epoll_hears_nothing_of_what_it_has_closed(run):
    delivers(run, "pass", 60, "epoll")


@scenario(Works())
def a_registration_stays_for_a_duplicate_of_what_is_held(run):
    """It is one of the number that was closed first, and would outlive a hold of the other: none is held."""
    whole, _, rsts, events = give(run, "pass", 20, "epoll-dup")
    outcomes = {event["outcome"] for event in events}
    assert rsts == 20 and whole < 20, f"{whole} whole, {rsts} RSTs"
    assert run.bare or outcomes == {"failed" if run.mode == "fix" else "reset"}, outcomes


@scenario(Works())
def an_acceptor_that_has_kept_its_copy_goes_on_with_it(run):
    whole, fins, rsts, events = give(run, "pass", 40, "keep", expected=LARGE + MORE)
    assert (whole, fins, rsts) == (40, 40, 0), f"{whole} whole, {fins} FIN, {rsts} RSTs"
    assert not events, [log.brief(event) for event in events]


# --- a program that was executed meanwhile has inherited it ---

def execute(run, count, door):
    """A program that stays for a while outlives the delivery, which its holding it makes safe."""
    delivers(run, "execute", count, door, ops=("exit",), loses="-stays" not in door)


@scenario(Works())
def beside_what_posix_spawn_has_started_everything_is_delivered(run):
    execute(run, 40, "posix_spawn")


@scenario(Works())
def beside_what_system_has_started_everything_is_delivered(run):
    execute(run, 20, "system")


@scenario(Works())
def beside_what_popen_has_started_everything_is_delivered(run):
    execute(run, 20, "popen")


@scenario(Works())
def beside_what_vfork_has_started_everything_is_delivered(run):
    execute(run, 40, "vfork")


@scenario(Works())
def what_posix_spawn_has_started_delivers_everything_when_it_ends_last(run):
    execute(run, 40, "posix_spawn-stays")


@scenario(Works())
def what_system_has_started_delivers_everything_when_it_ends_last(run):
    execute(run, 20, "system-stays")


# --- peers that do not read ---

def stalled(run, how, end, env=None):
    """How many seconds the server lives after its peer has got the first bytes, which it leaves."""
    hold_much()
    env = {} if run.bare or env is None else env
    server = run.serve(program(run, how), how, run.port, 1, LARGE, end, env=env)
    with socket.create_connection((run.host, run.port), 20) as sock:
        sock.sendall(bytes(100))
        sock.recv(1, socket.MSG_PEEK)
        started = time.monotonic()
        assert server.wait() == 0, server.err
        took = time.monotonic() - started
    assert not server.err, server.err
    return took, {event["outcome"] for event in log.resets(run.events()[0])}


@scenario(Works())
def an_exit_waits_for_a_peer_that_does_not_read_as_long_as_RSTFIX_EXIT_says(run):
    took, outcomes = stalled(run, "inetd", "exit", {"RSTFIX_EXIT": "600ms"})
    assert run.mode != "fix" or 0.5 < took < 2.5, f"{took:.2f} s"
    assert run.mode != "fix" or outcomes == {"expired"}, outcomes


@scenario(Works())
def what_was_closed_is_held_for_a_peer_that_does_not_read_as_long_as_RSTFIX_LINGER_says(run):
    took, outcomes = stalled(run, "pass", "close", {"RSTFIX_EXIT": "10s",
                                                    "RSTFIX_LINGER": "idle=600ms"})
    assert run.mode != "fix" or 0.5 < took < 5, f"{took:.2f} s"
    assert run.mode != "fix" or outcomes - {"shared"} == {"expired"}, outcomes


@scenario(Works())
def what_a_service_has_forked_ends_at_once(run):
    stalled(run, "inetd", "child", {"RSTFIX_EXIT": "3s"})


def first_command_ended(run, command):
    """A shell answers; its peer does not read before it has done so. What the peer got."""
    hold_much()
    with socket.create_server((run.host, 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        connection, _ = listener.accept()
    client.sendall(b"a line\nand more")
    ended = run.path("ended")
    program = run.start("/bin/sh", "-c", f"read line; {command}; touch {ended}; {command}",
                        env={} if run.bare else {"RSTFIX_EXIT": "10s"},
                        stdin=connection.fileno(), stdout=connection.fileno())
    connection.close()
    deadline = time.monotonic() + 5
    while not os.path.exists(ended) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert os.path.exists(ended), "the first command of the shell waits for the peer"
    received, _, _ = drain(client)
    client.close()
    assert program.wait() == 0, program.err
    return received


@scenario(Works())
def a_shell_waits_once_for_what_its_commands_have_written(run):
    received = first_command_ended(run, "head -c 1000000 /dev/zero")
    assert run.mode != "fix" or received == 2000000, received


# --- inetd itself ---

@scenario(Works(), needs=("inetd",))
def a_service_that_openbsd_inetd_starts_delivers_everything(run):
    """It takes LD_ variables from what it starts, so env gives them."""
    serve_by_inetd(run, 20)


def serve_by_inetd(run, count):
    run.traced = False
    hold_much()
    settings = [f"{key}={value}" for key, value in (run.shim_env() | EVERY_EVENT).items()]
    command = ["env", *settings, run.victim("given"), "service", "0", "0", LARGE, "exit"]
    config = run.path("inetd.conf", f"{run.host}:{run.port} stream tcp nowait root /usr/bin/env "
                                    f"{' '.join(map(str, command))}\n")
    server = run.serve("inetd", "-i", "-R", "100000", config, shim=False)
    whole, _ = play_peers(run, count, LARGE, False)
    rsts, told = run.rsts(), log.resets(run.events()[0])
    server.end()
    outcomes = {event["outcome"] for event in told}
    said = f"{whole} of {count} whole, {rsts} RSTs, {len(told)} events: {outcomes}"
    assert rsts == count and run.bare or len(told) == count, said
    assert whole == count if run.mode == "fix" else whole < count, said
    assert run.mode != "fix" or outcomes <= {"delivered", "failed"}, said


@scenario(Works(), needs=("inetd",), quick=False)
def two_thousand_services_that_openbsd_inetd_starts(run):
    serve_by_inetd(run, 2000)


# --- by the thousand ---

@scenario(Works(), quick=False)
def two_thousand_services_of_inetds_that_exit(run):
    delivers(run, "inetd", 2000, "exit")


@scenario(Works(), quick=False)
def two_thousand_services_of_inetds_that_call__exit(run):
    delivers(run, "inetd", 2000, "_exit", ops=("exit",))


@scenario(Works(), quick=False)
def two_thousand_services_of_inetds_that_close(run):
    delivers(run, "inetd", 2000, "close")


@scenario(Works(), quick=False)
def two_thousand_services_that_get_their_connection_as_LISTEN_FDS(run):
    delivers(run, "activate", 2000, "exit")


@scenario(Works(), quick=False)
def two_thousand_connections_beside_what_posix_spawn_has_started(run):
    execute(run, 2000, "posix_spawn")


@scenario(Works(), quick=False)
def two_thousand_connections_beside_what_system_has_started(run):
    execute(run, 2000, "system")


@scenario(Works(), quick=False)
def two_thousand_connections_beside_what_popen_has_started(run):
    execute(run, 2000, "popen")


@scenario(Works(), quick=False)
def two_thousand_connections_beside_what_vfork_has_started(run):
    execute(run, 2000, "vfork")


@scenario(Works(), quick=False)
def two_thousand_connections_that_end_with_what_posix_spawn_has_started(run):
    execute(run, 2000, "posix_spawn-stays")


@scenario(Works(), quick=False)
def two_thousand_connections_sent_to_a_worker(run):
    delivers(run, "pass", 2000, "close")


@scenario(Works(), quick=False)
def two_thousand_connections_of_an_acceptor_that_keeps_its_copies(run):
    whole, fins, rsts, events = give(run, "pass", 2000, "keep", expected=LARGE + MORE)
    assert (whole, fins) == (2000, 2000) and rsts <= 3, f"{whole} whole, {fins} FIN, {rsts} RSTs"
    assert not events, [log.brief(event) for event in events[:3]]
