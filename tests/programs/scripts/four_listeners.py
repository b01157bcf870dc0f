# SPDX-License-Identifier: MIT
"""One process that listens on four ports and treats all clients alike: it answers without having
read the upload. usage: four_listeners.py ADDRESS FIRST-PORT SIZE-OF-THE-ANSWER"""

import socket
import sys
import threading


def serve(listener, answer):
    while True:
        conn, _ = listener.accept()
        conn.recv(100)
        try:
            conn.sendall(answer)
        except OSError:
            pass
        conn.close()


def main():
    address, first, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    answer = b"HTTP/1.1 413 Too large\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
    threads = [threading.Thread(target=serve,
                                args=(socket.create_server((address, first + number)), answer))
               for number in range(4)]
    for thread in threads:
        thread.start()


main()
