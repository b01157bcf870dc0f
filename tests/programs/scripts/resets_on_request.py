# SPDX-License-Identifier: MIT
"""Does what each line of its input says, and answers with a line.
reset N: closes N connections with unread data. fork: a child does so with one. chroot FOLDER. closeall: every descriptor from 3 on.
over LIBRARY: a socket of its own takes each number from 3 to 1023, by libraw.so, behind the back of any
preload; what was sent to it is printed."""

import ctypes
import importlib
import os
import select
import socket
import sys

importlib.import_module("encodings.idna")  # for socket, which does not find it behind another root

ADDRESS = os.environ["VICTIM_ADDRESS"]


def reset_one():
    with socket.create_server((ADDRESS, 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        conn, _ = listener.accept()
    client.sendall(b"unread")
    client.close()
    poll = select.poll()
    poll.register(conn, select.POLLIN)
    poll.poll(5000)
    conn.close()


def over(library):
    """Sockets in place of whatever is there."""
    dup2 = ctypes.CDLL(library).raw_dup2
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    kept = os.dup2(theirs.fileno(), 1100)
    keep = os.dup2(ours.fileno(), 1101)
    for number in range(3, 1024):
        if not dup2(keep, number):
            return "not on this machine"
    ours.detach(), theirs.detach()
    for _ in range(3):
        reset_one()
    for number in range(3, 1024):
        if number % 100:  # room for what follows
            os.close(number)
    try:
        return socket.socket(fileno=kept).recv(1000, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return b""


for line in sys.stdin:
    word, *args = line.split()
    answer = "done"
    if word == "reset":
        for _ in range(int(args[0])):
            reset_one()
    elif word == "fork":
        if os.fork() == 0:
            reset_one()
            os._exit(0)
        os.wait()
    elif word == "chroot":
        os.chroot(args[0])
    elif word == "closeall":
        os.closerange(3, 65536)
    elif word == "over":
        answer = repr(over(args[0]))
    print(answer, flush=True)
