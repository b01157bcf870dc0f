# SPDX-License-Identifier: MIT
"""A server and its client in one. usage: late_data.py HOW [PORT]
close: the server closes cleanly, then the client sends. shutdown: it shuts down both sides, then the
client sends, and then it closes. killed: it is killed with data unread, and the client lives on in a
child. exit: it ends with the connection open, and the client, another process, sends then. inherit: so
does a program that it executes. refused: there is only the client."""

import os
import signal
import socket
import sys
import time

ADDRESS = os.environ["VICTIM_ADDRESS"]


def pair():
    with socket.create_server((ADDRESS, 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    return server, client


def settle():
    time.sleep(0.1)


how = sys.argv[1]
if how == "refused":
    client = socket.socket()
    assert client.connect_ex((ADDRESS, 1)) == 111
elif how in ("exit", "inherit"):
    listener = socket.create_server((ADDRESS, 0))
    if os.fork() == 0:
        client = socket.create_connection(listener.getsockname())
        settle()
        settle()
        client.sendall(b"late")
        settle()
        os._exit(0)
    server, _ = listener.accept()
    if how == "inherit":
        server.set_inheritable(True)
        os.execv(sys.executable, [sys.executable, "-c", "import os; os._exit(0)"])
    os._exit(0)
elif how == "killed":
    server, client = pair()
    client.sendall(b"unread")
    settle()
    print(*server.getsockname(), flush=True)
    reader, writer = os.pipe()
    if os.fork() == 0:
        server.close()
        os.write(writer, b"closed")
        settle()
        settle()
        os.kill(os.getpid(), signal.SIGKILL)
    os.read(reader, 6)
    os.kill(os.getpid(), signal.SIGKILL)
else:
    server, client = pair()
    if how == "shutdown":
        server.shutdown(socket.SHUT_RDWR)
    else:
        server.close()
    settle()
    client.sendall(b"late")
    settle()
    server.close()
    client.close()
