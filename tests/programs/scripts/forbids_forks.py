# SPDX-License-Identifier: MIT
"""A server that forbids itself to fork (RLIMIT_NPROC) and drops its privilege, as daemons do. It closes
with unread input while its peer does not read, and prints whether the close was done at once."""

import os
import resource
import socket
import time

ANSWER = bytes(1 << 16)  # fits into what the two kernels hold
listener = socket.create_server((os.environ["VICTIM_ADDRESS"], 0))

if os.fork() == 0:
    peer = socket.create_connection(listener.getsockname())
    peer.sendall(bytes(100))
    time.sleep(0.5)
    try:
        while peer.recv(1 << 16):
            pass
    except OSError:
        pass
    os._exit(0)

resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
os.setuid(65534)
server, _ = listener.accept()
server.recv(1)
time.sleep(0.05)
server.sendall(ANSWER)
before = time.monotonic()
server.close()
print("close:", "at once" if time.monotonic() - before < 0.25 else "late", flush=True)
os.wait()
