# SPDX-License-Identifier: MIT
"""Executes a program with subprocess while each connection is open, then answers it and closes it with
its request unread.
usage: spawning_server.py ADDRESS PORT CONNECTIONS HOW"""

import os
import socket
import subprocess
import sys

ANSWER = 2000
address, port, count, how = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
listener = socket.create_server((address, port), backlog=64)
options = {
    "close_fds": {"close_fds": True},
    "leave_fds": {"close_fds": False},
    "pass_other": {"pass_fds": [listener.fileno()]},
    "pass_it": {},
    "fork": {"preexec_fn": os.getpid},
}[how]
for _ in range(count):
    conn, _ = listener.accept()
    if how == "pass_it":
        options["pass_fds"] = [conn.fileno()]
    subprocess.run(["/bin/true"], check=True, **options)
    conn.recv(1)
    conn.sendall(bytes(ANSWER))
    conn.close()
