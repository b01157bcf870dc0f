#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes every system call of the shim's own fail, one place in the library after the other.

A run of each program without a fault tells which places it comes by. Then each of them fails, once
and always, with the errors that the call can really return. The program must not notice: the same
results, errno and descriptors as without the shim, its peer gets no fewer bytes, and it ends in
time. What the log still holds must be whole lines, and what it lacks must be told.
"""

import argparse
import collections
import dataclasses
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../programs"))

from harness import namespace  # noqa: E402
from tables import (ALSO, ERRORS, FOR_A_WHILE, JUDGED_BY, RISKS, SPARED, UNTOLD,  # noqa: E402
                    call_names, surroundings)
from worker import ALWAYS, SETTINGS, TIMEOUT, Job, begin, carry_out  # noqa: E402

SLOW = 4.0
SHARE = 30  # in quick, each denied call meets one program in so many

AUDITED = ("unread", "seen", "disconnect", "return", "_exit", "fork-server", "listener")
WATCHED = ("unread", "late", "shutdown-close", "return", "exec")
SURROUNDED = ("unread", "listener", "shutdown", "fork-server", "return", "exec", "script")
ROUNDABOUT = ("filter", "few files", "small files", "no thread", "broken stderr")
MUTE = "broken stderr"  # where a log that cannot be opened could be told


def torn(log):
    """A line of JSON that is none, or two in one."""
    for line in log.splitlines():
        try:
            json.loads(line)
        except ValueError:
            return line
    return None


def judge(result, bare):
    """What the program or its peer has noticed."""
    wrong = []
    if result.hung:
        return [f"still running after {TIMEOUT} s"]
    if result.said != bare.said:
        wrong += ["it says:"] + [f"  {line}" for line in differences(bare.said, result.said)]
    if len(result.got) == len(bare.got):
        wrong += [f"peer {number} got {got} bytes, and {least} without the shim"
                  for number, (got, least) in enumerate(zip(result.got, bare.got)) if got < least]
    if result.seconds > bare.seconds + SLOW:
        wrong.append(f"it took {result.seconds:.1f} s")
    line = torn(result.log)
    if line is not None and result.job.error not in ("ENOSPC", "EIO", "EINTR", "EAGAIN", "EPIPE") \
            and result.job.around != "small files":
        wrong.append(f"a line of the log is torn: {line[:100]}")
    return wrong


def untold(result):
    call, _, error = result.job.around.partition(": ")
    if call not in JUDGED_BY or result.job.setting == "audit" or "denies some of" in result.log:
        return []
    return [f"no notice of {error}"]


def differences(bare, said):
    lines = bare.splitlines()
    others = said.splitlines()
    lines += [""] * (len(others) - len(lines))
    others += [""] * (len(lines) - len(others))
    return [f"{other!r}, and {line!r} without the shim"
            for line, other in zip(lines, others) if line != other][:4]


def without_fault(job):
    return dataclasses.replace(job, point=0, error="", most=ALWAYS)


class Places:
    """Where in the sources a point is."""

    def __init__(self, library):
        self.library = library
        self.known = {}

    def learn(self, points):
        points = sorted(points)
        text = "\n".join(hex(point - 1) for point in points)
        said = subprocess.run(["addr2line", "-a", "-s", "-f", "-i", "-e", self.library],
                                    input=text, capture_output=True, text=True, check=True).stdout
        for block in re.split(r"^0x", said, flags=re.M)[1:]:
            address, *rest = block.splitlines()
            function = rest[0].split(".")[0]
            self.known[int(address, 16) + 1] = f"{function}() {rest[1].split(' ')[0]}"

    def __getitem__(self, point):
        return self.known.get(point, hex(point))

    def all(self):
        """Every place that calls, by the machine code."""
        code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", self.library], check=True,
                              capture_output=True, text=True).stdout
        calls, wanted = set(), False
        for line in code.splitlines():
            address = line.split(":")[0].strip()
            if wanted and re.fullmatch(r"[0-9a-f]+", address):
                calls.add(int(address, 16))
                wanted = False
            if re.search(r"call .*<(faults_sys6|__wrap_\w+)", line):
                wanted = True
        return calls


def events(log):
    """Number of closes that the log tells of."""
    return len(set(re.findall(r'"event":"rst","pattern":"([^"]*)".*"sock":(\d+)', log)))


def faults_of(job, points, names, places, quick):
    jobs = []
    for point, (number, _) in sorted(points.items()):
        name = names.get(number, str(number))
        if name in SPARED or (name, places[point].split("(")[0]) in SPARED:
            continue
        errors = list(dict.fromkeys(ERRORS.get(name, "").split() + list(ALSO)))
        if name == "uselib":
            errors = ["ENOENT"]
        if quick:
            error = next(error for error in errors if error not in FOR_A_WHILE)
            jobs.append(dataclasses.replace(job, point=point, error=error))
            continue
        for error in errors:
            jobs += [dataclasses.replace(job, point=point, error=error, most=most)
                     for most in ((1, 3) if error in FOR_A_WHILE else (1, ALWAYS))]
    return jobs


def thin(jobs):
    """Each place once, by a program that not many other places have."""
    load, chosen = collections.Counter(), {}
    for job in jobs:
        best = chosen.get(job.point)
        if best is None or load[job.case, job.around] < load[best.case, best.around]:
            if best:
                load[best.case, best.around] -= 1
            chosen[job.point] = job
            load[job.case, job.around] += 1
    return list(chosen.values())


def combinations(program):
    """What runs while nothing fails: every program, and some in surroundings."""
    cases = subprocess.run([program], check=True, capture_output=True, text=True).stdout.split()
    plain = [Job(case, setting) for case in cases for setting in SETTINGS
             if setting == "fix" or case in {"audit": AUDITED, "watch": WATCHED}[setting]]
    return plain, [Job(case, "fix", around=around) for around in ROUNDABOUT for case in SURROUNDED]


class Check:
    def __init__(self, args, pool, around):
        self.args, self.pool, self.around = args, pool, around
        self.names, self.places = call_names(), Places(args.library)
        self.bare, self.sound, self.failed = {}, {}, 0

    def number(self, text, wrong):
        self.failed += bool(wrong)
        print(("not ok - " if wrong else "ok - ") + text)
        for line in wrong[:60]:
            print(f"# {line}")
        sys.stdout.flush()

    def note(self, text):
        if self.args.verbose:
            print(f"# {text}")

    def results(self, jobs):
        return self.pool.imap_unordered(carry_out, jobs, chunksize=4)

    def references(self, jobs):
        """The programs without the shim, twice: how much a reset lets through varies."""
        wanted = {Job(job.case, "bare", around=job.around) for job in jobs}
        for result in self.results([*wanted, *wanted]):
            least = self.bare.setdefault((result.job.case, result.job.around), result)
            least.got = [min(pair) for pair in zip(least.got, result.got)]

    def complaints(self, result):
        """Once more where something is wrong: how much an exit cuts off is a race in itself."""
        bare = self.bare[result.job.case, result.job.around]
        wrong = judge(result, bare)
        if not wrong or result.hung:
            return wrong
        self.references([result.job])
        return judge(self.pool.apply(carry_out, (result.job,)), bare)

    def surrounded(self, jobs):
        """Each program in each of the surroundings, and what it passes by there."""
        self.references(jobs)
        wrong = []
        for result in self.results(jobs):
            self.sound[result.job] = result
            wrong += [f"{result.job}: {line}" for line in self.complaints(result) + untold(result)]
        self.number(f"{len(jobs)} runs in {len({job.around for job in jobs})} surroundings are as "
                    "without the shim", wrong)

    def reached(self, jobs):
        seen = set().union(*(self.sound[job].points for job in jobs))
        there = self.places.all()
        self.places.learn(seen | there)
        print(f"# {len(there)} places make a system call, {len(seen & there)} of them are reached")
        for point in sorted(there - seen):
            self.note(f"not reached: {self.places[point]}")

    def name(self, job):
        number = self.sound[without_fault(job)].points[job.point][0]
        return f"{self.names.get(number, number)} of {self.places[job.point]}"

    def faults(self, jobs):
        wrong, misses, started = collections.defaultdict(list), 0, time.monotonic()
        for result in self.results(jobs):
            misses += not result.hits
            for line in self.complaints(result) + self.silence(result):
                wrong[self.name(result.job)].append(f"{result.job}: {line}")
        lines = []
        for place, told in sorted(wrong.items()):
            lines += [f"{place}: {len(told)} times"] + [f"  {line}" for line in told[:3]]
        self.number(f"{len(jobs)} faults at {len({job.point for job in jobs})} places are noticed "
                    "by no program", lines)
        print(f"# {misses} were not met; {time.monotonic() - started:.0f} s")

    def silence(self, result):
        """What is not in the log is told there, or on standard error."""
        sound = self.sound[without_fault(result.job)]
        call = self.name(result.job).split(" ")[0]
        if call in UNTOLD or f"{call} {result.job.error}" in UNTOLD or result.job.case in RISKS:
            return []
        if not result.hits or result.told or events(result.log) >= events(sound.log):
            return []
        if re.search(r'"event":"notice"|"lost":[1-9]', result.log) or MUTE == result.job.around:
            return []
        return [f"{events(result.log)} events of {events(sound.log)}, and not a word"]

    def run(self):
        print("1..2", flush=True)
        plain, special = combinations(self.args.program)
        if self.args.names:
            plain = [job for job in plain if job.case in self.args.names]
            special = [job for job in special if job.case in self.args.names]
        around = [dataclasses.replace(job, around=name) for number, name in enumerate(self.around)
                  for place, job in enumerate(plain)
                  if not self.args.quick or ":" not in name or (place + number) % SHARE == 0]
        self.surrounded(list(dict.fromkeys(plain + special + around)))
        self.reached(plain + special)
        jobs = []
        for job in plain + special:
            jobs += faults_of(job, self.sound[job].points, self.names, self.places, self.args.quick)
        self.faults(thin(jobs) if self.args.quick else jobs)
        return 1 if self.failed else 0


def can_make_namespace():
    attempt = multiprocessing.Process(target=namespace.enter)
    attempt.start()
    attempt.join()
    return attempt.exitcode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--library", default="build/faults/librstfix.so")
    parser.add_argument("--program", default="build/tests/programs/faulted")
    parser.add_argument("--quick", action="store_true", help="each place once, with one error")
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--verbose", action="store_true", help="also what is not reached")
    parser.add_argument("names", nargs="*", metavar="CASE")
    args = parser.parse_args()
    args.library, args.program = os.path.abspath(args.library), os.path.abspath(args.program)
    multiprocessing.set_start_method("fork")
    if not can_make_namespace():
        print("1..0 # skip no network namespace can be made here")
        return 77
    around = surroundings({name: number for number, name in call_names().items()})
    with tempfile.TemporaryDirectory(prefix="rstfix-faults-", dir="/dev/shm") as folder, \
            multiprocessing.Pool(args.jobs, begin,
                                 (folder, args.library, args.program, around)) as pool:
        return Check(args, pool, around).run()


if __name__ == "__main__":
    sys.exit(main())
