# SPDX-License-Identifier: MIT
"""A server that sets SO_LINGER {1,0} on its listener, "to get rid of TIME_WAIT", and so on every
socket it accepts. It reads the whole request, sends its answer, closes.
usage: linger_server.py ADDRESS PORT SIZE-OF-THE-ANSWER"""

import socket
import struct
import sys

address, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
listener.bind((address, port))
listener.listen()
while True:
    conn, _ = listener.accept()
    with conn:
        conn.recv(65536)
        conn.sendall(bytes(size))
