# SPDX-License-Identifier: MIT
"""A child's closes are not the parent's: the vfork child of Python's subprocess closes dozens."""

import socket
import threading

from harness.peers import Transfer
from harness.run import PYTHON, script
from harness.scenario import Clean, scenario

CONNECTIONS, CHILDREN = 50, 200
THANKS = b"thank you"


class Greeter(threading.Thread):
    """Says 1000 bytes to each client at once, and then waits for its thanks."""

    def __init__(self, run):
        super().__init__(daemon=True)
        self.listener = socket.create_server((run.host, run.port), backlog=CONNECTIONS)
        self.transfer = Transfer(CONNECTIONS * len(THANKS), 0, "FIN")

    def run(self):
        conns = []
        for _ in range(CONNECTIONS):
            conn, _ = self.listener.accept()
            conn.settimeout(40)
            conn.sendall(b"%1000d" % int(conn.recv(8, socket.MSG_WAITALL)))
            conns.append(conn)
        for conn in conns:
            try:
                self.transfer.received += len(conn.recv(100, socket.MSG_WAITALL))
            except OSError as error:
                self.transfer.end = str(error)
            conn.close()


@scenario(Clean())
def python_spawning_200_children_while_50_connections_hold_unread_data(run):
    server = Greeter(run)
    server.start()
    program = run.run(PYTHON, script("spawn_children.py"), run.host, run.port, CONNECTIONS,
                      CHILDREN, timeout=60)
    assert program.out == "all alive\n", f"it says {program.out!r} {program.err[-500:]}"
    server.join(20)
    return server.transfer
