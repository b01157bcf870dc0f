# SPDX-License-Identifier: MIT
"""The kernel's own word on each RST: the tracepoint tcp:tcp_send_reset, where root may read it."""

import os
import re

TRACEFS = "/sys/kernel/tracing"
EVENT = "events/tcp/tcp_send_reset/enable"
# ... tcp_send_reset: skbaddr=... src=127.0.0.1:80 dest=127.0.0.1:4 state=TCP_... reason=TCP_STATE
LINE = re.compile(r"tcp_send_reset:.* src=(\S+):\d+ dest=(\S+):\d+(?:.* reason=(\w+))?")


class Trace:
    """A trace instance of our own: others who trace are not disturbed. None of it without root."""

    def __init__(self):
        self.folder = None
        folder = f"{TRACEFS}/instances/rstfix-{os.getpid()}"
        try:
            os.mkdir(folder)
        except OSError:
            return
        self.folder = folder
        try:
            self.put("buffer_size_kb", "16384")  # some 160,000 RSTs for each processor
            self.put(EVENT, "1")
        except OSError:
            self.close()

    def put(self, name, text):
        with open(f"{self.folder}/{name}", "w", encoding="ascii") as file:
            file.write(text)

    def reasons(self, host):
        """The kernel's reason for every RST from or to host, in order; None without a trace."""
        if self.folder is None:
            return None
        with open(f"{self.folder}/trace", encoding="ascii", errors="replace") as file:
            hits = [LINE.search(line) for line in file if host in line]
        # an IPv4 address in an IPv6 socket, as Java has it, is printed [::ffff:127.0.0.1]
        return [hit[3] or "?" for hit in hits
                if hit and host in [end.strip("[]").removeprefix("::ffff:")
                                    for end in (hit[1], hit[2])]]

    def close(self):
        if self.folder is not None:
            try:
                self.put(EVENT, "0")
            finally:
                os.rmdir(self.folder)
                self.folder = None
