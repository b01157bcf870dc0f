#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An ordinary Python web server loses its answer to a RST; audit says which close does it; fix
delivers every byte. The same program three times, each in a network namespace of its own, so that
the kernel's count of RSTs is this run's alone. Needs no root.
"""

import argparse
import multiprocessing
import os
import sys
import textwrap
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import namespace, peers  # noqa: E402
from harness.run import PYTHON, Run, read, script  # noqa: E402

BODY, ANSWER = 32 << 20, 4 << 20
MODES = ("bare", "audit", "fix")
WIDTH = 92


def server_command(args, mode, log):
    if mode == "bare":
        return [PYTHON]
    return [args.rstfix, "run", "--mode", mode, "--log", log, "--", PYTHON]


def one_run(args, mode, pipe):
    """In a child: its own namespace, the server in it, one client. Sends back what it came to."""
    try:
        namespace.adopt_orphans()
        namespace.enter()
        run = Run(mode, args)
        try:
            log = run.path("events.txt")
            run.serve(*server_command(args, mode, log), script("upload_limit.py"),
                      run.host, run.port, ANSWER, shim=False)
            transfer = peers.post(run.host, run.port, BODY, ANSWER)
            rsts = run.rsts()
            if mode != "bare":
                wait_for_log(log)
            pipe.send((rsts, transfer, read(log)))
        finally:
            run.close()
    except (AssertionError, OSError, namespace.NoNamespace) as error:
        pipe.send(str(error) or repr(error))


def wait_for_log(path, seconds=5):
    """The event of a mended close is told when the close is over, after the client has its data."""
    deadline = time.monotonic() + seconds
    while not read(path) and time.monotonic() < deadline:
        time.sleep(0.05)


def in_child(args, mode):
    pipe, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=one_run, args=(args, mode, theirs))
    process.start()
    theirs.close()
    try:
        result = pipe.recv()
    except EOFError:
        result = "the run died"
    process.join()
    if isinstance(result, str):
        sys.exit(f"demo: {mode}: {result}")
    return result


def paint(text, colour):
    codes = {"red": 31, "green": 32, "bold": 1}
    return f"\033[{codes[colour]}m{text}\033[0m" if sys.stdout.isatty() else text


def ending(transfer):
    if transfer.received == transfer.expected:
        return "whole, then FIN" if transfer.end == "FIN" else f"whole, then {transfer.end}"
    if transfer.end == "FIN":
        return "cut short, and looks like a clean end"
    return f"cut short by {transfer.end}"


def row(mode, rsts, transfer):
    got = f"{transfer.received:,} of {transfer.expected:,}"
    share = f"{100 * transfer.received // transfer.expected} %"
    good = rsts == 0 and transfer.received == transfer.expected
    line = f"  {mode:<6} {rsts:>9}   {got:>22} {share:>6}   {ending(transfer)}"
    return paint(line, "green" if good else "red")


def complaints(results):
    """What is not as it should be: the demo is a test as well."""
    wrong = []
    for mode in ("bare", "audit"):
        rsts, transfer, _ = results[mode]
        if rsts == 0 or transfer.received >= transfer.expected:
            wrong.append(f"{mode}: {rsts} RSTs and {transfer}: a RST and a loss were expected")
    rsts, transfer, _ = results["fix"]
    if rsts or transfer.received != transfer.expected or transfer.end != "FIN":
        wrong.append(f"fix: {rsts} RSTs and {transfer}: no RST and all bytes were expected")
    if "unread" not in results["audit"][2]:
        wrong.append("audit: no event tells of unread data")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--library", default="build/librstfix.so",
                        help="the shim; the rstfix command is beside it")
    args = parser.parse_args()
    args.library = os.path.abspath(args.library)
    args.builddir = os.path.dirname(args.library)
    args.rstfix = os.path.join(args.builddir, "rstfix")
    if not os.access(args.rstfix, os.X_OK):
        sys.exit(f"demo: {args.rstfix} does not exist: run make first")
    args.trace = None

    multiprocessing.set_start_method("fork")
    shown = os.path.relpath(script("upload_limit.py"))
    print(textwrap.fill(
        f"{shown} is a plain python3 http.server. It answers an upload of {BODY >> 20} MiB with "
        f"413 and a page of {ANSWER >> 20} MiB, without having read the upload. So it closes a "
        "socket with unread data: the kernel sends RST, and throws away what is still under way "
        "to the client.", WIDTH))
    print(paint("\n          RSTs sent   bytes the client received          how it ended", "bold"))
    results = {}
    for mode in MODES:
        results[mode] = in_child(args, mode)
        print(row(mode, *results[mode][:2]), flush=True)

    print(f"\n{paint('What audit says:', 'bold')}\n")
    for line in results["audit"][2].splitlines() or ["(nothing)"]:
        print(textwrap.fill(line, WIDTH, initial_indent="  ", subsequent_indent="  "
                            if line[:1] != " " else " " * 10, replace_whitespace=False))
    command = f"rstfix run --mode fix -- python3 {shown} 127.0.0.1 8080 {ANSWER}"
    print(f"\nTo mend it, start the server with\n\n  {command}\n")
    wrong = complaints(results)
    for text in wrong:
        print(f"demo: {text}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
