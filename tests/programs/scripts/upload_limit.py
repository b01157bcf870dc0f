# SPDX-License-Identifier: MIT
"""An upload service as anybody would write it with the standard library: what is too large is
refused at once, with a page that says why. usage: upload_limit.py ADDRESS PORT SIZE-OF-THE-PAGE"""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

LIMIT = 1 << 20


class Upload(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers["Content-Length"])
        if length > LIMIT:
            self.answer(413, self.server.page)
            return
        self.rfile.read(length)
        self.answer(200, b"stored\n")

    def answer(self, status, page):
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *args):
        pass


def main():
    address, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    line = b"<p>Too large. Please upload at most one megabyte.\n"
    with HTTPServer((address, port), Upload) as server:
        server.page = (line * (size // len(line) + 1))[:size]
        server.serve_forever()


main()
