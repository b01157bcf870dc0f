# SPDX-License-Identifier: MIT
"""Holds connections with unread data, spawns many children meanwhile, and then reads it all.
usage: spawn_children.py ADDRESS PORT CONNECTIONS CHILDREN"""

import select
import socket
import subprocess
import sys

SIZE = 1000
address, port, count, children = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
sockets = [socket.create_connection((address, port)) for _ in range(count)]
for index, sock in enumerate(sockets):
    sock.sendall(b"%8d" % index)
for sock in sockets:
    select.select([sock], [], [], 10)
    sock.recv(SIZE, socket.MSG_PEEK | socket.MSG_WAITALL)

for number in range(children):
    options = [{}, {"close_fds": False}, {"close_fds": True, "pass_fds": [sockets[0].fileno()]},
               {"start_new_session": True}][number % 4]
    subprocess.run(["/bin/true"], check=True, **options)

for index, sock in enumerate(sockets):
    data = sock.recv(SIZE, socket.MSG_WAITALL)
    if data != b"%1000d" % index:
        sys.exit(f"connection {index} got {data!r}")
    sock.sendall(b"thank you")
for sock in sockets:
    sock.shutdown(socket.SHUT_WR)
    if sock.recv(1) != b"":
        sys.exit("something came after the end")
    sock.close()
print("all alive")
