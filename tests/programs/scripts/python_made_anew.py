# SPDX-License-Identifier: MIT
"""Closes sockets with unread data by code that is compiled, run once and thrown away, so that the next has its address.

usage: python_made_anew.py ADDRESS PORT COUNT; prints how many addresses there were.
"""

import os
import socket
import sys
import time

ADDRESS = sys.argv[1], int(sys.argv[2])
addresses = set()


def unread():
    sock = socket.create_connection(ADDRESS)
    while len(sock.recv(100, socket.MSG_PEEK)) < 6:
        time.sleep(0.001)
    return sock.detach()


def run(name, fd):
    code = compile("os.close(fd)", name, "exec")
    addresses.add(id(code))
    exec(code, {"os": os, "fd": fd})


for number in range(int(sys.argv[3])):
    run(f"/srv/plugin{number:04}.py", unread())
print(len(addresses))
