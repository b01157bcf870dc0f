# SPDX-License-Identifier: MIT
"""Closes connections cleanly before their peer's FIN, and says what the program and the peer can see.
usage: late_closes.py HOW
late: the peer sends one byte afterwards. fin: it closes, too. output: its answer is under way when
the byte comes. raced: the byte comes at any moment around the close, 200 times. epoll: the socket is still
registered with one. thread: another thread sleeps. loop: the same, and the socket is non-blocking.
poll: another thread polls that. fork: a child still has the socket. linger: SO_LINGER {1, 5}. many: 20 of them. exit: the process ends."""

import os
import select
import socket
import struct
import sys
import threading
import time

ADDRESS = os.environ["VICTIM_ADDRESS"]
listener = socket.create_server((ADDRESS, 0))


def pair():
    client = socket.create_connection(listener.getsockname())
    return listener.accept()[0], client


def after(client):
    """What the peer sees of its connection in the end."""
    time.sleep(0.05)
    try:
        client.send(b"again")
    except OSError as error:
        return type(error).__name__
    return "sent"


def lowest():
    number = os.dup(0)
    os.close(number)
    return number


def late(server, client):
    server.close()
    time.sleep(0.05)
    client.send(b"x")
    return after(client)


def output(server, client):
    server.setblocking(False)
    try:
        while True:
            server.send(bytes(65536))
    except BlockingIOError:
        pass
    late(server, client)
    read = 0
    try:
        while part := client.recv(65536):
            read += len(part)
    except OSError as error:
        return type(error).__name__
    return "all" if read > (8 << 20) else "cut"


def raced():
    """The peer is a process of its own; each of its bytes draws one RST, sooner or later."""
    if os.fork() == 0:
        for number in range(200):
            client = socket.create_connection(listener.getsockname())
            end = time.monotonic() + number % 20 * 1e-5
            while time.monotonic() < end:
                pass
            client.send(b"x")
            try:
                while client.recv(1):
                    time.sleep(0.001)
                client.send(b"")
                select.select([], [], [], 0.002)
            except OSError:
                pass
            client.close()
        os._exit(0)
    for _ in range(200):
        listener.accept()[0].close()
    os.wait()
    return "done"


def main(how):
    if how == "raced":
        return raced()
    server, client = pair()
    if how == "fin":
        server.close()
        time.sleep(0.05)
        client.close()
        return "closed"
    if how == "output":
        return output(server, client)
    if how == "epoll":
        epoll = select.epoll()
        epoll.register(server, select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP)
        server.close()
        heard = epoll.poll(0.02)
        return late(server, client), heard, epoll.poll(0.02)
    if how in ("loop", "poll"):
        server.setblocking(False)
    if how in ("thread", "loop"):
        threading.Thread(target=time.sleep, args=(0.3,)).start()
    if how == "poll":
        poll, woken = select.poll(), []
        poll.register(server, select.POLLIN)
        thread = threading.Thread(target=lambda: woken.extend(poll.poll(300)))
        thread.start()
        time.sleep(0.05)
        server.close()
        thread.join()
        return woken
    if how == "fork":
        if os.fork() == 0:
            time.sleep(0.3)
            os._exit(0)
        seen = late(server, client)
        os.wait()
        return seen
    if how == "linger":
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 5))
    if how == "many":
        return [late(*pair()) for _ in range(20)], lowest()
    if how == "exit":
        server.close()
        if os.fork() == 0:
            time.sleep(0.03)
            client.send(b"x")
        os._exit(0)
    return late(server, client), lowest()


print(main(sys.argv[1]))
