# SPDX-License-Identifier: MIT
"""A client that lets its answer lie unread, writes as much as goes, says how much, and closes.
usage: unread_client.py ADDRESS PORT"""

import socket
import sys
import time

with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as sock:
    sock.sendall(b"request\n")
    time.sleep(0.5)  # for the answer
    sock.setblocking(False)
    sent = 8
    try:
        while True:
            sent += sock.send(bytes(65536))
    except BlockingIOError:
        pass
    print(sent, flush=True)
