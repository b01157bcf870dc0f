#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs real, unmodified programs bare, under audit and under fix, and prints TAP.

Each run has a network namespace of its own. It is judged by the number of RSTs that the kernel
counted there, by the bytes that the peer received, and by the events that the shim told. A program
that is not installed is a skip with its reason, never a pass.
"""

import argparse
import multiprocessing
import multiprocessing.connection
import os
import sys
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cases  # noqa: E402
from harness import namespace, scenario  # noqa: E402
from harness.run import which  # noqa: E402
from harness.trace import Trace  # noqa: E402

TIMEOUT = 90  # for one run of one scenario
TIMEOUT_SLOW = 600


class Task:
    """One scenario in one mode: a child process and what it sent back."""

    def __init__(self, case, mode, settings):
        self.case, self.mode, self.settings = case, mode, settings
        self.skip = self.why_not()
        self.process = self.pipe = None
        self.wrong = self.notes = None
        self.seconds = 0.0

    def why_not(self):
        missing = [name for name in self.case.needs if which(name) is None]
        if missing:
            return f"{' and '.join(missing)} not installed"
        if self.case.root and not namespace.is_real_root():
            return "not root of the initial user namespace"
        return None

    def start(self):
        self.pipe, theirs = multiprocessing.Pipe(duplex=False)
        self.process = multiprocessing.Process(target=self.child, args=(theirs,))
        self.process.start()
        theirs.close()
        self.seconds = time.monotonic()

    def child(self, pipe):
        try:
            pipe.send(scenario.carry_out(self.case, self.mode, self.settings))
        except BaseException:  # pylint: disable=broad-except
            pipe.send((["the test itself broke"], traceback.format_exc().splitlines(), None))

    def collect(self):
        try:
            self.wrong, self.notes, self.skip = self.pipe.recv()
        except EOFError:
            self.wrong, self.notes = ["the run died without a word"], []
        self.finish()

    def limit(self):
        return self.case.seconds or (TIMEOUT if self.case.quick else TIMEOUT_SLOW)

    def overdue(self):
        return time.monotonic() - self.seconds > self.limit()

    def stop(self):
        self.wrong, self.notes = [f"still running after {self.limit()} s"], []
        self.process.kill()
        self.finish()

    def finish(self):
        self.process.join()
        self.pipe.close()
        self.seconds = time.monotonic() - self.seconds

    def report(self, number):
        title = self.case.title(self.mode)
        if self.skip:
            print(f"ok {number} - {title} # SKIP {self.skip}")
        elif self.wrong:
            print(f"not ok {number} - {title}")
            for text in self.wrong + self.notes:
                for line in text.splitlines():
                    print(f"# {line}")
        else:
            print(f"ok {number} - {title}")
        if self.settings.times and not self.skip:
            print(f"# {self.seconds:.1f} s")
        sys.stdout.flush()


def run_all(tasks, jobs):
    """Runs up to jobs tasks at once and reports them in order. True when none failed."""
    waiting = [task for task in tasks if not task.skip]
    active, reported = [], 0
    while reported < len(tasks):
        while waiting and len(active) < jobs:
            active.append(waiting.pop(0))
            active[-1].start()
        ready = multiprocessing.connection.wait([task.pipe for task in active], 1)
        for task in list(active):
            if task.pipe in ready:
                task.collect()
            elif task.overdue():
                task.stop()
                namespace.end_children([other.process.pid for other in active])
            else:
                continue
            active.remove(task)
        while reported < len(tasks) and (tasks[reported].skip or tasks[reported].wrong is not None):
            reported += 1
            tasks[reported - 1].report(reported)
    return not any(task.wrong for task in tasks)


def can_make_namespace():
    """None, or why not. Tried in a child: the namespace stays there."""
    pipe, theirs = multiprocessing.Pipe(duplex=False)

    def attempt():
        try:
            namespace.enter()
            theirs.send(None)
        except (namespace.NoNamespace, OSError) as error:
            theirs.send(f"no network namespace can be made here ({error})")

    process = multiprocessing.Process(target=attempt)
    process.start()
    answer = pipe.recv()
    process.join()
    return answer


def choose(names, quick):
    chosen = [case for case in scenario.ALL if case.quick or not quick]
    if names:
        chosen = [case for case in chosen
                  if any(name.replace(" ", "_") in case.name for name in names)]
    return chosen


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--library", default="build/librstfix.so", help="the shim")
    parser.add_argument("--rstfix", default="build/rstfix", help="its command")
    parser.add_argument("--quick", action="store_true", help="leave out the slow ones")
    parser.add_argument("--mode", action="append", choices=scenario.MODES, help="only this mode")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--times", action="store_true", help="tell how long each took")
    parser.add_argument("--list", action="store_true", help="print the scenarios' names and stop")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a part of a scenario's name")
    args = parser.parse_args()

    cases.load()
    chosen = choose(args.names, args.quick)
    if args.list:
        print("\n".join(case.name for case in chosen))
        return 0
    if not chosen:
        print(f"Bail out! no scenario has a name with {' or '.join(args.names)}")
        return 1
    args.library, args.rstfix = os.path.abspath(args.library), os.path.abspath(args.rstfix)
    args.builddir = os.path.dirname(args.rstfix)
    modes = args.mode or scenario.MODES
    if modes != ["bare"]:
        for path in (args.library, args.rstfix):
            if not os.path.exists(path):
                print(f"Bail out! {path} does not exist: run make first")
                return 1

    multiprocessing.set_start_method("fork")
    reason = can_make_namespace()
    args.trace = Trace()
    try:
        namespace.adopt_orphans()
        tasks = [Task(case, mode, args) for case in chosen for mode in case.modes if mode in modes]
        for task in tasks:
            task.skip = reason or task.skip
        print(f"1..{len(tasks)}", flush=True)
        return 0 if run_all(tasks, args.jobs) else 1
    finally:
        args.trace.close()


if __name__ == "__main__":
    sys.exit(main())
