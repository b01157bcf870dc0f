# SPDX-License-Identifier: MIT
"""Clients that send all before they read anything, and an answer that does not fit into their window:
whatever is mended, they are not kept waiting; and those that read get everything."""

import re
import socket
import threading
import time

from harness.peers import Transfer, drain, error_name
from harness.scenario import Works, scenario

UPLOAD = 1 << 20
LATEST = 3.0  # seconds


def connect(run, how, **env):
    """The server has answered, and closed or ended, when this returns."""
    program = run.serve(run.victim("stalls"), how, run.port, env=env)
    sock = socket.create_connection((run.host, run.port), 10)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    sock.sendall(b"?\n" + bytes(100 if how == "exits" else 0))
    deadline = time.monotonic() + 5
    while "wrote" not in program.out and time.monotonic() < deadline:
        time.sleep(0.01)
    wrote = int(re.search(r"wrote: (\d+)", program.out).group(1))
    return sock, Transfer(wrote, 0, "")


def upload(sock, transfer):
    try:
        while transfer.sent < UPLOAD:
            transfer.sent += sock.send(bytes(min(65536, UPLOAD - transfer.sent)))
    except OSError as error:
        transfer.send_error = error_name(error)


def upload_then_read(run, how, pause=0.3, **env):
    sock, transfer = connect(run, how, **env)
    time.sleep(pause)
    began = time.monotonic()
    upload(sock, transfer)
    transfer.received, transfer.end, _ = drain(sock)
    took = time.monotonic() - began
    assert took < LATEST and "timeout" not in transfer.send_error, f"{transfer}, after {took:.1f} s"
    assert transfer.received > 0, transfer
    return transfer


def upload_and_read(run, how, **env):
    sock, transfer = connect(run, how, **env)
    sender = threading.Thread(target=upload, args=(sock, transfer))
    sender.start()
    transfer.received, transfer.end, _ = drain(sock, 0.004)
    sender.join()
    return transfer


def told(run):
    """The patterns and outcomes, at the latest when a server has been asked to end."""
    for program in run.programs:
        if program.process.poll() is None:
            time.sleep(0.1)
            program.process.terminate()
            program.wait()
    return [(event["pattern"], event["op"], event["outcome"]) for event in run.events()[0]
            if event["event"] == "rst"]


@scenario(Works())
def a_threaded_server_shuts_and_closes_before_its_client_has_sent_all(run):
    """The kernel resets what is shut for reading, mended or not: with what the window has taken."""
    run.traced = False
    upload_then_read(run, "shuts")
    if run.mode == "fix":
        got = told(run)
        assert ("shutdown-read", "close", "expired") in got, got


@scenario(Works(), modes=("fix",), root=True)
def a_client_that_sends_and_reads_gets_all_of_a_threaded_servers_answer(run):
    run.traced = False
    transfer = upload_and_read(run, "shuts")
    assert transfer.received == transfer.expected, f"{transfer}, {told(run)}"


@scenario(Works())
def a_server_exits_before_its_client_has_sent_all(run):
    run.traced = False
    transfer = upload_then_read(run, "exits")
    if run.mode == "fix":
        assert transfer.received == transfer.expected, transfer
        assert told(run) == [("unread-close", "exit", "delivered")], told(run)


@scenario(Works())
def a_server_has_ended_long_before_its_client_sends(run):
    """It was waited for in vain: what comes then is answered as without the shim."""
    run.traced = False
    upload_then_read(run, "exits", 0.6, RSTFIX_EXIT="300ms")
    if run.mode == "fix":
        assert told(run) == [("unread-close", "exit", "expired")], told(run)


@scenario(Works(), modes=("fix",), root=True)
def a_client_that_sends_and_reads_gets_all_after_the_servers_end(run):
    run.traced = False
    transfer = upload_and_read(run, "exits", RSTFIX_EXIT="50ms")
    assert transfer.received == transfer.expected, f"{transfer}, {told(run)}"
    assert told(run) == [("unread-close", "exit", "expired")], told(run)
