# SPDX-License-Identifier: MIT
"""A client that sets SO_LINGER {1,0}: when it connects ("config"), or only as it closes, to abort
("abort"). Either way it has read its answer.
usage: linger_client.py config|abort ADDRESS PORT TIMES"""

import socket
import struct
import sys
import time

when, address, port, times = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
for _ in range(times):
    with socket.create_connection((address, port)) as sock:
        if when == "config":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(b"hello\n")
        sock.recv(100, socket.MSG_WAITALL)
        time.sleep(0.01)  # its own output is acknowledged by now
        if when == "abort":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
