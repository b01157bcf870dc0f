# SPDX-License-Identifier: MIT
"""Servers out of Debian, with their own ways of getting rid of a client."""

import os
import signal
import socket
import threading
import time

from harness import namespace, nginx, peers
from harness.attack import of_pattern
from harness.run import which
from harness.scenario import Clean, Resets, scenario

ANSWER, BODY = 2 << 20, 16 << 20

def serve_nginx(run, rules):
    """Debian's nginx. Its worker becomes another user, which only a real root can do."""
    master = {"main": ""} if namespace.is_real_root() else {}
    config = run.path("nginx.conf", nginx.config(run.folder, run.host, run.port, rules, **master))
    return run.serve(which("nginx"), "-c", config, "-e", run.path("error.log"))


def answer_early(listener):
    """An upstream that answers at once and then takes whatever still comes."""
    while True:
        conn, _ = listener.accept()
        with conn:
            conn.recv(65536)
            conn.sendall(b"HTTP/1.1 401 no\r\nContent-Length: %d\r\n\r\n" % ANSWER + bytes(ANSWER))
            conn.shutdown(socket.SHUT_WR)
            peers.drain(conn)


@scenario(Resets("unread-close", role="server", module="nginx"), needs=("nginx",))
def nginx_passing_on_an_early_answer_with_lingering_close_off(run):
    upstream = socket.create_server((run.host, 0))
    threading.Thread(target=answer_early, args=(upstream,), daemon=True).start()
    target = f"http://{run.host}:{upstream.getsockname()[1]}"
    serve_nginx(run, "lingering_close off; location / { proxy_http_version 1.1; "
                     f"proxy_request_buffering off; proxy_pass {target}; }}")
    transfer = peers.post(run.host, run.port, BODY, ANSWER)
    for _ in range(4):  # where the client's next bytes come only after the close, it is late data
        if run.bare or of_pattern(run, "unread-close"):
            break
        transfer = peers.post(run.host, run.port, BODY, ANSWER)
    return transfer


@scenario(Resets("unread-close", role="server", module="nginx", loses=False), needs=("nginx",),
          quick=False)
def nginx_returning_444_to_an_upload(run):
    serve_nginx(run, "location / { return 444; }")
    return peers.post(run.host, run.port, BODY, 0)


@scenario(Clean(), needs=("nginx",), quick=False)
def nginx_serving_a_file(run):
    with open(run.path("file"), "wb") as file:
        file.write(bytes(ANSWER))
    serve_nginx(run, "")
    return peers.post(run.host, run.port, 0, ANSWER, pause=0, path="/file", method="GET")


@scenario(Clean(), needs=("lighttpd",), quick=False)
def lighttpd_refusing_an_upload(run):
    config = run.path("lighttpd.conf", f"""\
server.port = {run.port}
server.bind = "{run.host}"
server.document-root = "{run.folder}"
server.max-request-size = 100
""")
    run.serve(which("lighttpd"), "-D", "-f", config)
    transfer = peers.post(run.host, run.port, 1 << 20, 0, pause=0)
    transfer.expected = transfer.received
    return transfer


@scenario(Resets("unread-close", role="server", module="haproxy", loses=False),
          needs=("haproxy",), quick=False)
def haproxy_denying_an_upload(run):
    config = run.path("haproxy.cfg", f"""\
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 2s
frontend f
    bind {run.host}:{run.port}
    http-request deny deny_status 413
""")
    run.serve(which("haproxy"), "-db", "-f", config)
    transfer = peers.post(run.host, run.port, 4 << 20, 0)
    assert b"413" in transfer.head[:20], f"the answer was {transfer.head[:50]!r}"
    transfer.expected = transfer.received
    return transfer


@scenario(Resets("unread-close", role="server", module="redis", loses=False),
          needs=("redis-server",), quick=False)
def redis_in_protected_mode_turning_a_stranger_away(run):
    run.use_address(run.host.replace("127", "10", 1))  # protected mode lets all of 127.0.0.0/8 in
    server = run.serve(which("redis-server"), "--bind", run.host, "--port", run.port, "--save", "",
                       "--dir", run.folder, "--protected-mode", "yes")
    os.kill(server.pid, signal.SIGSTOP)
    with socket.create_connection((run.host, run.port), 10) as sock:
        sock.sendall(b"PING\r\n")
        time.sleep(0.1)
        os.kill(server.pid, signal.SIGCONT)
        received, end, data = peers.drain(sock, keep=True)
    assert data.startswith(b"-DENIED"), f"redis said {data[:60]!r}"
    return peers.Transfer(received, received, end)
