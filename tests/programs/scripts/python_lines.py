# SPDX-License-Identifier: MIT
"""Closes sockets with unread data, in all kinds of frames, and prints where as the interpreter sees it.

usage: python_lines.py ADDRESS PORT; an object in JSON a close, {"frames": [[file, line, function], ...]}.
"""

import asyncio
import json
import os
import socket
import sys
import threading
import time

ADDRESS = sys.argv[1], int(sys.argv[2])
with open(__file__, encoding="utf-8") as source:
    CLOSE = [line.strip() for line in source].index("os.close(fd)") + 1


def unread():
    sock = socket.create_connection(ADDRESS)
    while len(sock.recv(100, socket.MSG_PEEK)) < 6:
        time.sleep(0.001)
    return sock.detach()


def close(fd):
    frames, frame = [], sys._getframe()
    while frame:
        frames.append([frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname])
        frame = frame.f_back
    frames[0][1] = CLOSE
    print(json.dumps({"frames": frames}), flush=True)
    os.close(fd)


class Closer:
    fd = unread()
    close(fd)

    def __del__(self):
        close(unread())

    def method(self, depth):
        if depth:
            self.method(depth - 1)
        else:
            close(
                unread()
            )


def generator():
    yield unread()
    close(unread())


async def coroutine():
    await asyncio.sleep(0)
    close(unread())


for closer in generator():
    close(closer)
[close(fd) for fd in [unread()]]
(lambda: close(unread()))()
sorted([1, 2], key=lambda value: value == 2 and close(unread()) or 0)
Closer().method(3)
Closer().method(50)
exec(compile("\n" * 300 + "close(unread())", "made\u00e9\u4e16.py", "exec"))
exec(compile("def " + "very" * 100 + "():\n close(unread())\n" + "very" * 100 + "()", "/" + "long/" * 90, "exec"))
asyncio.run(coroutine())
thread = threading.Thread(target=lambda: close(unread()))
thread.start()
thread.join()
