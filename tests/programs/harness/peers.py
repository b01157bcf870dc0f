# SPDX-License-Identifier: MIT
"""The other end: clients and servers that count what they get. Never under the shim."""

import dataclasses
import errno
import select
import socket
import threading
import time

CHUNK = 65536


@dataclasses.dataclass
class Transfer:
    """What the peer got, and how it ended: "FIN", or the name of the error that it met."""
    expected: int
    received: int
    end: str
    sent: int = 0
    send_error: str = ""
    head: bytes = b""  # of an HTTP answer
    data: bytes = b""

    def __str__(self):
        said = f", its sending met {self.send_error}" if self.send_error else ""
        return f"received {self.received} of {self.expected} bytes, end {self.end}{said}"


def error_name(error):
    return errno.errorcode.get(error.errno, "timeout") if error.errno else "timeout"


def drain(sock, pause=0.0, keep=False):
    """Reads to the end: (bytes read, how it ended, the data if kept)."""
    received, kept = 0, []
    try:
        while data := sock.recv(CHUNK):
            received += len(data)
            if keep:
                kept.append(data)
            time.sleep(pause)
    except OSError as error:
        return received, error_name(error), b"".join(kept)
    return received, "FIN", b"".join(kept)


def post(host, port, body, answer, pause=0.004, path="/upload", method="POST", timeout=20):
    """A client that uploads and reads at once, the way curl or a browser does.

    It reads at the pace of a network, not of memory: pause after each 64 KiB. answer is how many
    bytes of body the server's answer should have; its header comes on top and is read off.
    """
    sock = socket.create_connection((host, port), timeout)
    transfer = Transfer(answer, 0, "")
    head = (f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {body}\r\n"
            "Content-Type: application/octet-stream\r\nConnection: close\r\n\r\n")

    def upload():
        """The head goes with a piece of the body, so that there is something unread from the start:
        data that came only after the close would reset by another path."""
        block = bytes(CHUNK)
        try:
            sock.sendall(head.encode() + block[:body])
            transfer.sent = min(CHUNK, body)
            while transfer.sent < body:
                transfer.sent += sock.send(block[:body - transfer.sent])
        except OSError as error:
            transfer.send_error = error_name(error)

    sender = threading.Thread(target=upload)
    sender.start()
    received, transfer.end, data = drain(sock, pause, keep=True)
    sender.join()
    sock.close()
    transfer.head, _, transfer.data = data.partition(b"\r\n\r\n")
    transfer.received = max(0, received - len(transfer.head) - 4)
    return transfer


class Answerer(threading.Thread):
    """A server for one client: reads a line, answers, is busy for a while, reads the rest.

    The client that closes with the answer unread makes its own kernel throw away what it had sent
    and what this side had not yet read.
    """

    def __init__(self, run, answer=2000, busy=0.6, expected=0):
        super().__init__(daemon=True)
        self.listener = socket.create_server((run.host, 0))
        self.port = self.listener.getsockname()[1]
        self.answer, self.busy = answer, busy
        self.transfer = Transfer(expected, 0, "nobody connected")

    def run(self):
        conn, _ = self.listener.accept()
        conn.settimeout(20)
        transfer = self.transfer
        transfer.end = ""
        try:
            while not transfer.data.endswith(b"\n"):
                byte = conn.recv(1)
                if not byte:
                    break
                transfer.data += byte
            conn.sendall(b"a" * self.answer)
        except OSError as error:
            transfer.send_error = error_name(error)
        time.sleep(self.busy)
        received, transfer.end, _ = drain(conn)
        transfer.received = len(transfer.data) + received
        conn.close()

    def result(self, timeout=25):
        self.join(timeout)
        return self.transfer


def wait_hangup(sock, seconds):
    """Waits until the other side has closed or reset, at most that long; reads nothing."""
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    return bool(poll.poll(seconds * 1000))
