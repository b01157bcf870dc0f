# SPDX-License-Identifier: MIT
"""A prefork server whose master sets SO_LINGER {1,0} on the shared listener when its worker is
already there. The worker sends its answer to one client and closes.
usage: late_linger.py ADDRESS PORT SIZE-OF-THE-ANSWER"""

import os
import socket
import struct
import sys

address, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
listener = socket.create_server((address, port))
reader, writer = os.pipe()
worker = os.fork()
if worker == 0:
    os.read(reader, 1)
    conn, _ = listener.accept()
    with conn:
        conn.recv(65536)
        conn.sendall(bytes(size))
    os._exit(0)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
os.write(writer, b"x")
os.waitpid(worker, 0)
