# SPDX-License-Identifier: MIT
"""A connection with unread data, of which a duplicate lives on while its first number is closed.
usage: two_names.py ADDRESS"""

import os
import socket
import sys
import time

listener = socket.create_server((sys.argv[1], 0))
client = socket.create_connection(listener.getsockname())
conn, _ = listener.accept()
client.sendall(b"unread")
time.sleep(0.1)
copy = os.dup(conn.fileno())
conn.close()
print(os.read(copy, 100).decode(), flush=True)
