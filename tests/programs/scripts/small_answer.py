# SPDX-License-Identifier: MIT
"""A server that answers one small request, waits until all of that is acknowledged, and closes.
usage: small_answer.py ADDRESS PORT"""

import fcntl
import socket
import struct
import sys
import termios
import time

listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
while True:
    conn, _ = listener.accept()
    conn.recv(65536)
    conn.sendall(b"answer")
    while struct.unpack("i", fcntl.ioctl(conn, termios.TIOCOUTQ, bytes(4)))[0]:
        time.sleep(0.001)
    conn.close()
