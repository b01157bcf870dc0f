#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the shim costs, bare beside audit and fix, each figure with the bar it is held to.

Instructions are counted by callgrind and do not depend on the machine. Times are medians over
interleaved runs; on a busy machine take them with a grain of salt. Nothing here is a gate: the
exit status is 0 unless nothing could be measured at all.
"""

import argparse
import os
import re
import statistics
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../programs"))

from harness import namespace  # noqa: E402
from harness.run import PATH, which  # noqa: E402
from longreport import report  # noqa: E402
from measure import (MODES, Bench, Broken, interleaved, median_difference,  # noqa: E402
                     median_ratio, spawn_time)
from throughput import nginx_rate, nginx_rejecting, redis_rate  # noqa: E402

INSTRUCTIONS = [
    # what, kind in calls.c, measured function, bar
    ("read, not a socket", "read", "read", 12),
    ("read, TCP socket", "read_tcp", "read_tcp", 25),
    ("write, not a socket", "write", "write", 12),
    ("write, TCP socket", "write_tcp", "write_tcp", 25),
    ("epoll_wait", "epoll_wait", "epoll_wait", 12),
    ("poll", "poll", "poll", 12),
    ("close, not a socket", "close_open", "close", None),
    ("close of both ends, TCP", "churn", "close_tcp", None),
    ("close that resets, 16 frames", "event", "event", None),
]
TIMES = [
    # what, kind, turns, column of its output (0 wall, 1 CPU), bars for audit and fix, rounds
    ("read 1 byte of /dev/zero", "read", 400_000, 1, 1.02, 1.02, 15),
    ("epoll_wait, nothing there", "epoll_wait", 400_000, 1, 1.02, 1.02, 15),
    ("open + close /dev/null", "close_open", 40_000, 1, 1.05, 1.05, 11),
    ("dup + close, not a socket", "close_dup", 200_000, 1, 1.05, 1.05, 15),
    ("socket+connect+accept+2 closes, wall", "churn", 4_000, 0, 1.05, 1.10, 9),
    ("socket+connect+accept+2 closes, CPU", "churn", 4_000, 1, 1.05, 1.25, 9),
]
ROUNDS = 7
RULES = [
    # what differs between a hundred rules, kind in rules.c
    ("pattern", "pattern"), ("port", "port"), ("list of ports", "ports"),
    ("two lists of ports", "ports-negated"), ("IPv4 peer", "peer"), ("list of peers", "peers"),
    ("peers, negated", "peers-negated"),
    ("IPv6 peer", "peer6"), ("operation, peer's port", "op"), ("program", "program"),
]
RULES_BAR = 200


def row(what, values, changes, bars, higher_is_better=False):
    """One line: bare, then for audit and fix the figure, its change and the verdict, then the bars.
    changes has for each mode a label and the number that is held to the bar."""
    text = f"  {what:<38} {values['bare']:>8}"
    for mode in MODES[1:]:
        label, number = changes.get(mode, ("", 0))
        verdict = ""
        if mode in bars and mode in changes:
            good = number >= bars[mode] if higher_is_better else number <= bars[mode]
            verdict = "ok" if good else "OVER"
        text += f"  {values.get(mode, ''):>8} {label:>8} {verdict:<4}"
    limits = [f"{bars[mode]:g}" for mode in MODES[1:] if mode in bars]
    if limits:
        text += f"  {'>=' if higher_is_better else '<='} {', '.join(dict.fromkeys(limits))}"
    print(text.rstrip(), flush=True)


def heading(title):
    print(f"\n{title:<40} {'bare':>8}  {'audit':>8} {'':>13}  {'fix':>8} {'':>13}  bar")


def ratio_row(what, figures, show, bars, higher_is_better=False):
    values = {mode: show(statistics.median(figures[mode])) for mode in figures}
    changes = {mode: (f"x {median_ratio(figures, mode):.3f}", round(median_ratio(figures, mode), 3))
               for mode in figures if mode != "bare"}
    row(what, values, changes, bars, higher_is_better)


def added_row(what, figures, show, sign, bars):
    values = {mode: show(statistics.median(figures[mode])) for mode in figures}
    changes = {mode: (sign(median_difference(figures, mode)), median_difference(figures, mode))
               for mode in figures if mode != "bare"}
    row(what, values, changes, bars)


def instructions(bench):
    heading("instructions in user space, a call")
    if which("valgrind") is None:
        print("  not measured: valgrind is not installed")
        return
    for what, kind, function, bar in INSTRUCTIONS:
        modes = MODES[:2] if kind == "event" else MODES
        figures = {mode: [bench.instructions(mode, kind, function)] for mode in modes}
        added_row(what, figures, lambda value: f"{value:.0f}", lambda value: f"{value:+.0f}",
                  {} if bar is None else dict.fromkeys(MODES[1:], bar))


def times(bench):
    heading("nanoseconds a turn, median")
    for what, kind, turns, column, audit_bar, fix_bar, rounds in TIMES:
        def sample(mode, kind=kind, turns=turns, column=column):
            out, _ = bench.run(mode, bench.path("bench/calls"), kind, turns)
            return float(out.split()[column])
        ratio_row(what, interleaved(sample, rounds), lambda value: f"{value:,.0f}",
                  {"audit": audit_bar, "fix": fix_bar})


def event(bench):
    """The bar is for what the shim itself computes; its system calls come on top of that."""
    def sample(mode):
        out, _ = bench.run(mode, bench.path("bench/calls"), "event", 4_000)
        return float(out.split()[1]) / 1000

    figures = interleaved(sample, ROUNDS, MODES[:2])
    added_row("close that resets, known line, CPU us", figures, lambda value: f"{value:.1f}",
              lambda value: f"{value:+.1f}", {})


def rules(bench):
    print(f"\n{'one event and a hundred rules':<40} {'ns':>8}  bar")
    for what, kind in RULES:
        took = statistics.median(
            float(bench.run("bare", bench.path("bench/rules"), kind, 200_000)[0].split()[0])
            for _ in range(ROUNDS))
        verdict = "ok" if took <= RULES_BAR else "OVER"
        print(f"  they differ by {what:<23} {took:>8.0f}  {verdict:<4} <= {RULES_BAR}", flush=True)


def start(bench):
    figures = interleaved(lambda mode: 1000 * spawn_time(bench, mode), 5)
    added_row("start and end of /bin/true, ms", figures, lambda value: f"{value:.2f}",
              lambda value: f"{value:+.2f}", {"audit": 1, "fix": 1})


def exceptions(bench):
    def sample(mode):
        out, _ = bench.run(mode, bench.path("programs/throwhost"),
                           bench.path("programs/libthrower.so"), 50_000)
        return float(out)

    ratio_row("C++ throw + catch, library dlopened", interleaved(sample, ROUNDS),
              lambda value: f"{value:,.0f}", {"audit": 1.1, "fix": 1.1})


def servers(bench):
    heading("requests a second under load")
    for what, needs, sample in (("nginx, wrk", ("nginx", "wrk"), nginx_rate),
                                ("redis, redis-benchmark", ("redis-server", "redis-benchmark"),
                                 redis_rate)):
        missing = [name for name in needs if which(name) is None]
        if missing:
            print(f"  {what}: not measured: {' and '.join(missing)} not installed")
            continue
        attempt(lambda what=what, sample=sample: ratio_row(
            what, interleaved(lambda mode: sample(bench, mode), 7), lambda value: f"{value:,.0f}",
            {"audit": 0.98, "fix": 0.95}, higher_is_better=True))


def lingering(bench):
    """A server that refuses what it has not read: bare it resets, in fix its sockets linger."""
    heading("closes with unread input, at full load")

    def sample(mode):
        _, said = bench.run(mode, bench.path("programs/lingers"), "epoll", 20_000)
        return {key: int(value) / 1000 for key, value in re.findall(r"(p[\d.]+) (\d+)", said)}

    taken = interleaved(sample, ROUNDS)
    for key, bars in (("p50", {}), ("p99", {"fix": 1.5})):
        ratio_row(f"close() of an epoll server, {key}, us",
                  {mode: [one[key] for one in taken[mode]] for mode in taken},
                  lambda value: f"{value:.1f}", bars)
    _, said = bench.run("fix", bench.path("programs/lingers"), "many", 50_000, 1024 + 32)
    print(f"  50,000, a tenth with a silent peer, in fix: {said.strip().splitlines()[-1]}")
    if which("nginx") is None or which("wrk") is None:
        print("  nginx: not measured: nginx and wrk are needed")
        return
    for what, mode, setting in (("bare, lingering_close off", "bare", "off"),
                                ("bare, lingering_close always", "bare", "always"),
                                ("fix, lingering_close off", "fix", "off")):
        got = nginx_rejecting(bench, mode, setting)
        print(f"  nginx refusing uploads, {what:<29} {got['rate']:>9,.0f} requests/s  "
              f"p50 {got['p50']}  p99 {got['p99']}  errors: {got['errors']}", flush=True)


def attempt(measure, *args):
    """One figure that cannot be taken must not cost the others."""
    try:
        measure(*args)
        return True
    except Broken as error:
        print(f"  not measured: {error}")
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--library", default="build/librstfix.so", help="the shim")
    parser.add_argument("--builddir", default="build", help="where make put the programs")
    args = parser.parse_args()
    for path in (args.library, os.path.join(args.builddir, "tests/bench/calls")):
        if not os.path.exists(path):
            sys.exit(f"bench: {path} does not exist: run make bench")

    os.environ["PATH"] = PATH
    started = time.monotonic()
    namespace.enter()
    bench = Bench(os.path.abspath(args.library), os.path.abspath(args.builddir), "127.0.0.1")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, Linux {os.uname().release}")
    taken = [attempt(measure, bench)
             for measure in (instructions, times, event, exceptions, start, rules, report,
                             servers, lingering)]
    print(f"\n{time.monotonic() - started:.0f} s")
    return 0 if any(taken) else 1


if __name__ == "__main__":
    sys.exit(main())
