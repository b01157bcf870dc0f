# SPDX-License-Identifier: MIT
"""How fast `rstfix report` reads a long log, made of what three programs have really logged."""

import contextlib
import json
import os
import subprocess
import time

from harness.run import PYTHON, which
from measure import Broken
from throughput import folder_of_our_own

EVENTS = 2_000_000
JQ_LINES = 100_000
BAR_RATE, BAR_MEMORY = 1_000_000, 200
JQ_SUM = "reduce inputs as $e (0; . + ($e.unsent // 0))"
# Closes accepted connections with a byte unread, as many as it is told.
CLOSER = """
import socket, sys
listener = socket.create_server((sys.argv[1], 0))
for _ in range(int(sys.argv[2])):
    client = socket.create_connection(listener.getsockname())
    client.sendall(b"x" * 100)
    accepted, _ = listener.accept()
    accepted.recv(99, socket.MSG_WAITALL)
    accepted.close()
"""


def sample(bench, folder):
    """The logs of three programs, in audit and in fix."""
    programs = (("audit", bench.path("programs/resets"), 30),
                ("fix", bench.path("programs/lingers"), "epoll", 20),
                ("audit", PYTHON, "-c", CLOSER, bench.host, 30))
    for number, (mode, *argv) in enumerate(programs):
        path = f"{folder}/{number}.json"
        env = dict(bench.env(mode), RSTFIX_LOG=path, RSTFIX_FORMAT="json")
        done = subprocess.run([str(word) for word in argv], env=env, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, timeout=60, check=False)
        if done.returncode != 0 or not os.path.exists(path):
            raise Broken(f"{argv[0]}: exit status {done.returncode}: {done.stderr[-300:]}")
        yield path


def measured(argv, output):
    """Wall seconds, CPU seconds, and the most memory in MB."""
    started = time.perf_counter()
    with subprocess.Popen(argv, stdout=output) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
    if status != 0:
        raise Broken(f"{argv[0]}: exit status {status}")
    return (time.perf_counter() - started, usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss / 1000)


@contextlib.contextmanager
def long_log(bench, events):
    with folder_of_our_own() as folder:
        log = f"{folder}/long.json"
        with open(log, "wb") as file:
            subprocess.run([bench.path("bench/longlog"), str(events), *sample(bench, folder)],
                           stdout=file, check=True, timeout=600)
        yield log


def jq_rate(log):
    part = f"{log}.part"
    with open(log, "rb") as whole, open(part, "wb") as file:
        for _, line in zip(range(JQ_LINES), whole):
            file.write(line)
    took, _, _ = measured(["jq", "-n", JQ_SUM, part], subprocess.DEVNULL)
    return JQ_LINES / took


def report(bench, events=EVENTS):
    print(f"\n{'a log of ' + format(events, ',') + ' events':<40} {'a second':>11}")
    with long_log(bench, events) as log:
        command = [os.path.join(bench.builddir, "rstfix"), "report", "--format", "json", log]
        with open(f"{log}.out", "w+", encoding="utf-8") as output:
            took, cpu, memory = min(measured(command, output) for _ in range(3))
            output.seek(0)
            told = json.loads(output.readline())["event_lines"]
        if told != events:
            raise Broken(f"{told} events were read")
        rate = events / took
        verdict = "ok" if rate >= BAR_RATE and memory <= BAR_MEMORY else "OVER"
        print(f"  {'rstfix report':<38} {rate:>11,.0f}  {verdict:<4} >= {BAR_RATE:,}; "
              f"{os.path.getsize(log) >> 20} MB in {took:.1f} s, {cpu:.1f} s of CPU, {memory:.0f} MB "
              f"of memory <= {BAR_MEMORY}")
        if which("jq") is None:
            print("  jq: not measured: it is not installed")
        else:
            print(f"  {'jq, one sum':<38} {jq_rate(log):>11,.0f}")
