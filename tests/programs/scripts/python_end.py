# SPDX-License-Identifier: MIT
"""Daemon threads that reset without end while the interpreter goes away. usage: python_end.py ADDRESS PORT"""

import os
import socket
import sys
import threading
import time

ADDRESS = sys.argv[1], int(sys.argv[2])


def reset_for_ever():
    while True:
        sock = socket.create_connection(ADDRESS)
        sock.recv(100, socket.MSG_PEEK)
        os.close(sock.detach())


for _ in range(4):
    threading.Thread(target=reset_for_ever, daemon=True).start()
time.sleep(0.15)
