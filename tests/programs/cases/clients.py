# SPDX-License-Identifier: MIT
"""Clients that give up a download, and one that does not."""

import os
import signal
import socket
import threading
import time

from harness import peers
from harness.run import PYTHON
from harness.scenario import Clean, Resets, scenario

SIZE = 500_000  # what a mended client takes off its peer is capped, at 1 MiB by default
URLLIB = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read(100)"


class Download(threading.Thread):
    """A web server for one request: answers with SIZE bytes and waits for the client's end.

    The client stands still while the answer is queued: when it goes on there is always more than it
    has room for, however busy the machine is.
    """

    def __init__(self, run, status):
        super().__init__(daemon=True)
        self.listener = socket.create_server((run.host, run.port))
        self.url = f"http://{run.host}:{run.port}/"
        self.status, self.client = status, None
        self.transfer = peers.Transfer(SIZE, 0, "")

    def run(self):
        conn, _ = self.listener.accept()
        conn.settimeout(20)
        head = f"HTTP/1.1 {self.status}\r\nContent-Length: {SIZE}\r\n\r\n".encode()
        try:
            conn.recv(65536)
            os.kill(self.client.pid, signal.SIGSTOP)
            conn.sendall(head + bytes(SIZE))
            self.transfer.received = SIZE
            time.sleep(0.05)
            os.kill(self.client.pid, signal.SIGCONT)
        except OSError as error:
            self.transfer.send_error = peers.error_name(error)
        _, self.transfer.end, _ = peers.drain(conn)
        conn.close()


def fetch(run, *argv, status="200 OK", exit_status=0):
    server = Download(run, status)
    server.client = program = run.start(*argv, server.url)
    server.start()
    got = program.wait()
    assert got == exit_status, f"{argv[0]}: exit status {got}, {program.err[-500:]}"
    server.join(25)
    return server.transfer


GIVES_UP = Resets("unread-close", role="client", loses=False)


@scenario(GIVES_UP, needs=("curl",))
def curl_giving_up_a_file_that_is_too_large(run):
    return fetch(run, "curl", "-sS", "--max-filesize", 1000, "-o", "/dev/null", exit_status=63)


@scenario(Clean(), needs=("curl",))
def curl_downloading_a_file(run):
    return fetch(run, "curl", "-sS", "-o", "/dev/null")


@scenario(GIVES_UP, needs=("wget",), quick=False)
def wget_not_reading_the_page_of_an_error(run):
    return fetch(run, "wget", "-q", "-t", 1, "-O", "/dev/null", status="403 Forbidden",
                 exit_status=8)


@scenario(GIVES_UP, quick=False)
def python_urllib_reading_only_the_start_of_a_page(run):
    return fetch(run, PYTHON, "-c", URLLIB)
