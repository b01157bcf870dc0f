# SPDX-License-Identifier: MIT
"""Daemons: nothing of the shim's may keep them from their peace, or get into their sockets."""

import fcntl
import os
import resource
import socket
import threading
import time

from harness.run import read
from harness.scenario import Resets, Works, scenario

LIFETIME = 4
MESSAGE, SOCKETS = 4096, 48
TEXT_TO_STDERR = {"RSTFIX_LOG": "stderr", "RSTFIX_FORMAT": "text"}
UNREAD = Resets("unread-close", loses=False)


def substitute(run, way, env):
    """x=$(daemon 2>&1) must return when the daemon has left its streams, not when it ends."""
    started = time.monotonic()
    shell = run.run("/bin/sh", "-c", 'x=$("$0" "$@" 2>&1); printf "%s" "$x"',
                    run.victim("daemonise"), way, LIFETIME, env=env)
    took = time.monotonic() - started
    assert took < LIFETIME / 2, f"the substitution took {took:.1f} s: somebody held its pipe"
    assert shell.out == "started", f"it printed {shell.out!r}"


def daemonise(run, way):
    substitute(run, way, {})
    before = run.rsts()
    assert (before > 0) == (run.mode != "fix"), f"{before} RSTs"
    if not run.bare:
        substitute(run, way, TEXT_TO_STDERR)


@scenario(Works())
def a_daemon_by_daemon_3_lets_its_command_substitution_return(run):
    daemonise(run, "daemon")


@scenario(Works())
def a_daemon_by_two_forks_lets_its_command_substitution_return(run):
    daemonise(run, "null")


@scenario(Works())
def a_daemon_with_closed_streams_lets_its_command_substitution_return(run):
    daemonise(run, "closed")


def resets(run, stderr, count=20):
    """Many events for a standard error that takes none, and SIGPIPE at its default."""
    flags = fcntl.fcntl(stderr, fcntl.F_GETFL)
    program = run.run(run.victim("resets"), count, env=TEXT_TO_STDERR, stderr=stderr, timeout=20)
    assert program.process.returncode == 0, f"exit status {program.process.returncode}"
    assert program.out == f"done {count}\n", f"it printed {program.out!r}"
    now = fcntl.fcntl(stderr, fcntl.F_GETFL)
    assert now == flags, f"the flags of standard error went from {flags:#o} to {now:#o}"


def fill(fd):
    os.set_blocking(fd, False)
    size = 4096
    while size:
        try:
            os.write(fd, b"." * size)
        except BlockingIOError:
            size //= 2
    os.set_blocking(fd, True)


@scenario(Works())
def a_broken_standard_error_pipe_kills_nobody(run):
    reader, writer = os.pipe()
    os.close(reader)
    resets(run, writer)


@scenario(Works())
def a_full_standard_error_pipe_blocks_nobody(run):
    reader, writer = os.pipe()
    fill(writer)
    resets(run, writer)
    os.close(reader)


@scenario(Works())
def a_broken_standard_error_socket_kills_nobody(run):
    reader, writer = socket.socketpair()
    reader.close()
    resets(run, writer.fileno())


@scenario(Works())
def a_full_standard_error_socket_blocks_nobody(run):
    reader, writer = socket.socketpair()
    fill(writer.fileno())
    resets(run, writer.fileno())
    reader.close()


@scenario(Works())
def a_server_started_by_inetd_finds_no_log_line_in_its_connection(run):
    listener = socket.create_server((run.host, run.port))
    client = socket.create_connection((run.host, run.port), 20)
    conn, _ = listener.accept()
    run.run(run.victim("resets"), 3, env=TEXT_TO_STDERR, stdin=conn, stdout=conn, stderr=conn)
    conn.close()
    got = client.recv(65536, socket.MSG_WAITALL)
    assert got == b"done 3\n", f"the client got {got!r}"


class Peers(threading.Thread):
    """The other end of closeall's sockets: knows every byte that must come."""

    def __init__(self, run):
        super().__init__(daemon=True)
        self.listener = socket.create_server((run.host, run.port), backlog=SOCKETS)
        self.wrong, self.ended = [], 0

    def run(self):
        threads = []
        for index in range(SOCKETS):
            conn, _ = self.listener.accept()
            conn.settimeout(20)
            threads.append(threading.Thread(target=self.talk, args=(conn, index)))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def talk(self, conn, index):
        try:
            with conn:
                self.exchange(conn, index, 1)
                if index == 0:
                    conn.sendall(b"unasked" * 10)
                    left = self.rest(conn)
                else:
                    self.exchange(conn, index, 2)
                    left = conn.recv(100)
                if left:
                    self.wrong.append(f"socket {index}: {left!r} at its end")
                self.ended += 1
        except OSError as error:
            self.wrong.append(f"socket {index}: {error}")

    @staticmethod
    def rest(conn):
        try:
            return conn.recv(100)
        except ConnectionResetError:
            return b""

    def exchange(self, conn, index, turn):
        got = conn.recv(MESSAGE, socket.MSG_WAITALL)
        if got != message(index, turn):
            self.wrong.append(f"socket {index} round {turn}: something foreign: {got[:300]!r}")
        conn.sendall(message(index + 1000, turn))


def message(index, turn):
    start = f"socket {index} round {turn} ".encode()
    rest = bytes(ord("a") + (i + index) % 26 for i in range(len(start), MESSAGE))
    return start + rest


def raise_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65600), hard))


def close_all(run, way, **options):
    server = Peers(run)
    server.start()
    report = run.path("report")
    run.run(run.victim("closeall"), way, run.host, run.port, SOCKETS, report,
            preexec_fn=raise_limit, **options)
    server.join(30)
    deadline = time.monotonic() + 5
    while not read(report) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert read(report) == "ok\n", f"the daemon says {read(report)!r}; {server.wrong}"
    assert not server.wrong, "; ".join(server.wrong)
    assert server.ended == SOCKETS, f"{server.ended} of {SOCKETS} connections ended"


@scenario(UNREAD)
def a_daemon_that_closes_every_descriptor_one_by_one(run):
    close_all(run, "close")


@scenario(UNREAD)
def a_daemon_that_calls_closefrom(run):
    close_all(run, "closefrom")


@scenario(UNREAD)
def a_daemon_that_calls_close_range(run):
    close_all(run, "close_range")


@scenario(Works())
def a_daemon_whose_standard_streams_become_sockets_finds_no_log_line_there(run):
    close_all(run, "everything", env=TEXT_TO_STDERR)
