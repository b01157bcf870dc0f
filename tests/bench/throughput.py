# SPDX-License-Identifier: MIT
"""Requests a second of real servers: the server under the shim, the load generator bare."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile

from harness import namespace, nginx
from measure import Broken

HOST, PORT = "127.0.0.1", 8080


@contextlib.contextmanager
def server(bench, mode, folder, *argv):
    with open(os.path.join(folder, "output"), "w+", encoding="utf-8") as output:
        process = subprocess.Popen(argv, env=bench.env(mode), stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=output)
        try:
            if not namespace.wait_listening(PORT, 10):
                output.seek(0)
                raise Broken(f"{argv[0]}, {mode}: does not listen: {output.read()[-300:]}")
            yield
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def folder_of_our_own():
    folder = tempfile.mkdtemp(prefix="rstfix-bench-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def nginx_rate(bench, mode):
    """A connection for each request, so that closes count: wrk asks for Connection: close."""
    with folder_of_our_own() as folder:
        with open(f"{folder}/file", "w", encoding="ascii") as file:
            file.write("hello\n" * 100)
        with open(f"{folder}/nginx.conf", "w", encoding="ascii") as file:
            file.write(nginx.config(folder, HOST, PORT))
        with server(bench, mode, folder, "nginx", "-c", f"{folder}/nginx.conf", "-e",
                    f"{folder}/error.log"):
            out, _ = bench.run("bare", "wrk", "-t", 1, "-c", 16, "-d", 1, "-H", "Connection: close",
                               f"http://{HOST}:{PORT}/file")
    return figure(r"Requests/sec:\s+([\d.]+)", out)


UPLOAD = """\
wrk.method = "POST"
wrk.headers["Connection"] = "close"
wrk.body = string.rep("x", 65536)
"""


def nginx_rejecting(bench, mode, lingering_close):
    """Uploads that are refused unread: what wrk says of requests/s, latency and errors."""
    rules = f"lingering_close {lingering_close}; location / {{ return 403; }}"
    with folder_of_our_own() as folder:
        with open(f"{folder}/upload.lua", "w", encoding="ascii") as file:
            file.write(UPLOAD)
        with open(f"{folder}/nginx.conf", "w", encoding="ascii") as file:
            file.write(nginx.config(folder, HOST, PORT, rules))
        with server(bench, mode, folder, "nginx", "-c", f"{folder}/nginx.conf", "-e",
                    f"{folder}/error.log"):
            out, _ = bench.run("bare", "wrk", "-t", 1, "-c", 16, "-d", 2, "--latency", "-s",
                               f"{folder}/upload.lua", f"http://{HOST}:{PORT}/")
    errors = re.search(r"Socket errors: (.*)", out)
    return {"rate": figure(r"Requests/sec:\s+([\d.]+)", out),
            "p50": re.search(r"50%\s+(\S+)", out)[1], "p99": re.search(r"99%\s+(\S+)", out)[1],
            "errors": errors[1] if errors else "none"}


def redis_rate(bench, mode):
    with folder_of_our_own() as folder:
        with server(bench, mode, folder, "redis-server", "--port", str(PORT), "--save", "",
                    "--dir", folder):
            out, _ = bench.run("bare", "redis-benchmark", "-p", PORT, "-t", "get", "-n", 40_000,
                               "-c", 16, "--csv")
    return figure(r'"GET","([\d.]+)"', out)


def figure(pattern, text):
    match = re.search(pattern, text)
    if not match:
        raise Broken(f"no figure in {text[-300:]!r}")
    return float(match[1])
