# SPDX-License-Identifier: MIT
"""Ways to measure a program bare and under the shim so that the machine's noise cancels out."""

import os
import re
import statistics
import subprocess
import time

MODES = ("bare", "audit", "fix")


class Broken(Exception):
    """A figure that could not be taken, and why."""


class Bench:
    def __init__(self, library, builddir, host):
        self.library, self.builddir, self.host = library, builddir, host

    def env(self, mode):
        kept = {key: value for key, value in os.environ.items()
                if key != "LD_PRELOAD" and not key.startswith("RSTFIX_")}
        kept.update(LC_ALL="C", LD_BIND_NOW="1", VICTIM_ADDRESS=self.host)
        if mode != "bare":
            kept.update(LD_PRELOAD=self.library, RSTFIX_MODE=mode, RSTFIX_LOG="/dev/null")
        return kept

    def path(self, name):
        return os.path.join(self.builddir, "tests", name)

    def run(self, mode, *argv, timeout=60):
        """Standard output and standard error of a program that must succeed."""
        words = [str(word) for word in argv]
        try:
            done = subprocess.run(words, env=self.env(mode), stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=timeout, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Broken(f"{os.path.basename(words[0])}, {mode}: {error}") from None
        if done.returncode != 0:
            raise Broken(f"{os.path.basename(words[0])}, {mode}: exit status {done.returncode}: "
                         f"{done.stderr.strip()[-300:]}")
        return done.stdout, done.stderr

    def instructions(self, mode, kind, function, count=1000):
        """User-space instructions for one turn of calls.c inside measured_FUNCTION.

        The difference of two runs, so that what happens only once cancels out.
        """
        totals = []
        for turns in (count, 2 * count):
            _, said = self.run(mode, "valgrind", "--tool=callgrind", "--collect-atstart=no",
                               "--callgrind-out-file=/dev/null",
                               f"--toggle-collect=measured_{function}",
                               self.path("bench/calls"), kind, turns)
            match = re.search(r"Collected : (\d+)", said)
            if not match:
                raise Broken(f"callgrind, {mode}: {said.strip()[-300:]}")
            totals.append(int(match[1]))
        return (totals[1] - totals[0]) / count


def interleaved(sample, rounds, modes=MODES):
    """{mode: [figure of each round]}: bare, audit, fix, bare, audit, fix, ... so that whatever
    slows the machine down for a while slows them all down."""
    figures = {mode: [] for mode in modes}
    for _ in range(rounds):
        for mode in modes:
            figures[mode].append(sample(mode))
    return figures


def median_ratio(figures, mode):
    return statistics.median(mine / bare for mine, bare in zip(figures[mode], figures["bare"]))


def median_difference(figures, mode):
    return statistics.median(mine - bare for mine, bare in zip(figures[mode], figures["bare"]))


def spawn_time(bench, mode, count=40):
    """Seconds that one /bin/true takes from start to end."""
    env = bench.env(mode)
    del env["LD_BIND_NOW"]
    started = time.perf_counter()
    for _ in range(count):
        os.waitpid(os.posix_spawn("/bin/true", ["true"], env), 0)
    return (time.perf_counter() - started) / count
