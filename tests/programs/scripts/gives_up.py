# SPDX-License-Identifier: MIT
"""A client that gives up a download in the middle, with nothing unread, and ends at once.
usage: gives_up.py HOW
closes: it closes its connection before. leaves: _exit() does. exits: exit() does."""

import array
import ctypes
import fcntl
import os
import socket
import sys
import termios

ADDRESS = os.environ["VICTIM_ADDRESS"]
listener = socket.create_server((ADDRESS, 0))
how = sys.argv[1]

if os.fork() == 0:
    try:
        listener.accept()[0].sendall(bytes(4 << 20))
    except OSError:
        pass
    os._exit(0)


def unread(connection):
    count = array.array("i", [0])
    fcntl.ioctl(connection, termios.FIONREAD, count)
    return count[0]


client = socket.create_connection(listener.getsockname())
while client.recv(1 << 20) and unread(client):
    pass
if how == "closes":
    client.close()
if how == "exits":
    ctypes.CDLL(None).exit(0)
os._exit(0)
