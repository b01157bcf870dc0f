# SPDX-License-Identifier: MIT
"""One run of a scenario: a namespace, a folder, the programs in it, the shim or not."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

from . import events, namespace

PROGRAMS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCRIPTS = os.path.join(PROGRAMS, "scripts")
PYTHON = "/usr/bin/python3"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SETTLE = 0.15  # for a RST that answers a packet still under way


def which(name):
    return shutil.which(name, path=PATH)


def script(name):
    return os.path.join(SCRIPTS, name)


class Program:
    """A program under test or one beside it, its output in files, so that no pipe can block it."""

    def __init__(self, argv, env, folder, **options):
        self.argv = [str(arg) for arg in argv]
        handle, self.base = tempfile.mkstemp(prefix="program-", dir=folder)
        os.close(handle)
        with open(self.base + ".out", "wb") as out, open(self.base + ".err", "wb") as err:
            options.setdefault("stdin", subprocess.DEVNULL)
            options.setdefault("stdout", out)
            options.setdefault("stderr", err)
            self.process = subprocess.Popen(self.argv, env=env, **options)
        self.pid = self.process.pid

    def wait(self, timeout=20):
        """The exit status; stops the program and raises when it takes longer."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.argv[0]} still runs after {timeout} s") from None

    def end(self, timeout=10):
        """Asks it to end, as an administrator would."""
        self.process.terminate()
        return self.wait(timeout)

    @property
    def out(self):
        return read(self.base + ".out")

    @property
    def err(self):
        return read(self.base + ".err")


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def printable(text):
    return "".join(char if char.isprintable() else "?" for char in text)


class Run:
    """mode is bare, audit or fix. Made inside the namespace (namespace.enter)."""

    def __init__(self, mode, settings):
        self.mode, self.settings = mode, settings
        self.host = namespace.unique_host()
        self.port = random.randint(10000, 29000)  # below the ephemeral ports
        self.folder = tempfile.mkdtemp(prefix="rstfix-program-")
        os.chmod(self.folder, 0o755)
        self.log = os.path.join(self.folder, "events.json")
        with open(self.log, "wb"):
            os.chmod(self.log, 0o666)  # a server writes it as the user that it turns into
        self.programs = []
        self.traced = True  # all that it does carries its own address
        self.started = namespace.out_rsts()

    @property
    def bare(self):
        return self.mode == "bare"

    def shim_env(self):
        if self.bare:
            return {}
        return {"LD_PRELOAD": self.settings.library, "RSTFIX_MODE": self.mode,
                "RSTFIX_LOG": self.log, "RSTFIX_FORMAT": "json"}

    def start(self, *argv, env=None, shim=True, **options):
        """Starts a program under test (shim=True) or one beside it."""
        whole = {key: value for key, value in os.environ.items()
                 if key != "LD_PRELOAD" and not key.startswith("RSTFIX_")}
        whole.update(PATH=PATH, LC_ALL="C.UTF-8", HOME=self.folder, TMPDIR=self.folder,
                     VICTIM_ADDRESS=self.host)
        whole.update(self.shim_env() if shim else {})
        whole.update({} if env is None else env)
        program = Program(argv, whole, self.folder, cwd=self.folder, **options)
        self.programs.append(program)
        return program

    def run(self, *argv, timeout=30, **options):
        """Starts a program and waits for its end."""
        program = self.start(*argv, **options)
        program.wait(timeout)
        return program

    def serve(self, *argv, port=None, timeout=20, **options):
        """Starts a server and waits until it listens."""
        program = self.start(*argv, **options)
        deadline = time.monotonic() + timeout
        while not namespace.wait_listening(port or self.port, 0.2):
            ended = program.process.poll() is not None
            assert not ended and time.monotonic() < deadline, (
                f"{program.argv[0]} does not listen on port {port or self.port}: "
                f"{(program.err + program.out).strip()[-1000:]}")
        return program

    def use_address(self, address):
        """Works from here on with an address of lo that is no loopback address."""
        namespace.add_address(address)
        self.host = address

    def victim(self, name):
        """The path of a helper program that make built."""
        return os.path.join(self.settings.builddir, "tests/programs", name)

    def path(self, name, text=None):
        """A file of this run, with that text."""
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def rsts(self):
        time.sleep(SETTLE)
        return namespace.out_rsts() - self.started

    def reasons(self):
        return self.settings.trace.reasons(self.host)

    def events(self):
        """(events, complaints) of the log so far."""
        return events.parse(read(self.log))

    def told(self):
        """What the programs said, for a failure's diagnostics."""
        lines = []
        for program in self.programs[-4:]:
            status = program.process.poll()
            lines.append(f"{os.path.basename(program.argv[0])}: "
                         f"{'running' if status is None else f'exit status {status}'}")
            for text in (program.out, program.err):
                lines += ["  " + printable(line[:200]) for line in text.splitlines()[-8:]]
        return lines

    def close(self):
        namespace.end_children()
        if "KEEP" in os.environ:
            print(f"# kept {self.mode}: {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
