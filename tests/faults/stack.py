#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How much stack the doors use at most, in bytes, and whether small stacks hold them.

Every call is the first event of its process, on a stack of 40 frames. Below 8 KiB without a backtrace
and below 16 KiB with one, the libc function itself included.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../programs"))

from harness import namespace  # noqa: E402

BARS = {0: 8192, 16: 16384, 64: 16384}
RULES = "listener-close -> fix\nunread-close callsite=libnone!* -> log\nlate-data -> fix\n"


class Stack:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.policy = os.path.join(folder, "policy")
        with open(self.policy, "w", encoding="ascii") as file:
            file.write(RULES)
        self.calls = self.run({}).split()
        self.failed = self.number = 0

    def run(self, env, *argv):
        env = {"LD_BIND_NOW": "1", **env}  # the loader's own use is the program's as well
        done = subprocess.run([self.args.program, *argv], env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30, check=False)
        return done.stdout or f"exit status {done.returncode}: {done.stderr}"

    def shim(self, mode, frames):
        return {"LD_PRELOAD": self.args.library, "RSTFIX_MODE": mode, "RSTFIX_FORMAT": "json",
                "RSTFIX_LOG": os.path.join(self.folder, f"{mode}-{frames}.json"),
                "RSTFIX_BACKTRACE": str(frames), "RSTFIX_POLICY_FILE": self.policy,
                "RSTFIX_STATS": self.folder, "RSTFIX_EXIT": "200ms",
                "RSTFIX_LINGER": "idle=200ms,total=1s"}

    def report(self, right, title, *wrong):
        self.number += 1
        self.failed += not right
        print(("ok" if right else "not ok") + f" {self.number} - {title}")
        for line in [] if right else wrong:
            print(f"# {line}")
        sys.stdout.flush()

    def measure(self, mode, frames):
        used = {call: self.run(self.shim(mode, frames), call).strip() for call in self.calls}
        wrong = [f"{call}: {said}" for call, said in used.items() if not said.isdigit()]
        figures = sorted(((int(said), call) for call, said in used.items() if said.isdigit()),
                         reverse=True)
        most, call = figures[0] if figures else (0, "nothing")
        wrong += [f"{call}: {used} bytes" for used, call in figures if used >= BARS[frames]]
        self.report(not wrong, f"in {mode} with {frames} frames at most {most} bytes of stack, of "
                    f"{BARS[frames]}: {call}", *wrong)
        if self.args.verbose:
            print("# " + ", ".join(f"{call} {used}" for used, call in figures))

    def survive(self, mode, where):
        wrong = []
        for call in self.calls:
            bare, said = self.run({}, where, call), self.run(self.shim(mode, 16), where, call)
            if bare != said:
                wrong.append(f"{call}: {said.strip()}, and {bare.strip()} without the shim")
        self.report(not wrong, f"in {mode} a small {where} stack holds every call", *wrong)


def carry_out(args):
    namespace.enter()
    with tempfile.TemporaryDirectory(prefix="rstfix-stack-", dir="/dev/shm") as folder:
        stack = Stack(args, folder)
        print(f"1..{2 * (len(BARS) + 2)}")
        for mode in ("audit", "fix"):
            for frames in BARS:
                stack.measure(mode, frames)
            for where in ("thread", "signal"):
                stack.survive(mode, where)
        if args.verbose:
            print("# bare: " + ", ".join(f"{call} {stack.run({}, call).strip()}"
                                         for call in stack.calls))
    return 1 if stack.failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--library", default="build/librstfix.so")
    parser.add_argument("--program", default="build/tests/programs/stacks")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    args.library, args.program = os.path.abspath(args.library), os.path.abspath(args.program)
    multiprocessing.set_start_method("fork")
    attempt = multiprocessing.Process(target=namespace.enter)
    attempt.start()
    attempt.join()
    if attempt.exitcode:
        print("1..0 # skip no network namespace can be made here")
        return 77
    return carry_out(args)


if __name__ == "__main__":
    sys.exit(main())
