# SPDX-License-Identifier: MIT
"""One run of the program: in a namespace and a folder of its own, with a plan of what fails."""

import dataclasses
import errno
import mmap
import os
import shutil
import struct
import subprocess
import time

from harness import namespace
from tables import LIBRARIES

HEAD, POINT, POINTS = struct.Struct("IiII"), struct.Struct("III"), 1024  # struct plan
ALWAYS = 0xFFFFFFFF
TIMEOUT = 20

POLICY = """late-data -> fix
listener-close -> fix
linger-zero -> fix
* callsite=libnone!* -> log
"""
COMMON = {"RSTFIX_LINGER": "idle=300ms,total=1s", "RSTFIX_EXIT": "300ms"}
FIX = {"RSTFIX_MODE": "fix", "RSTFIX_LOG": "{folder}/log", "RSTFIX_FORMAT": "json",
       "RSTFIX_STATS": "{folder}/stats", "RSTFIX_POLICY_FILE": "{folder}/policy"}
AUDIT = {"RSTFIX_MODE": "audit", "RSTFIX_LOG": "stderr"}
WATCH = {"RSTFIX_MODE": "audit", "RSTFIX_WATCH": "1", "RSTFIX_LOG": "{folder}/log",
         "RSTFIX_FORMAT": "json"}
SETTINGS = {"fix": FIX, "audit": AUDIT, "watch": WATCH}


@dataclasses.dataclass(frozen=True)
class Job:
    case: str
    setting: str  # of SETTINGS, or bare
    point: int = 0
    error: str = ""
    most: int = ALWAYS
    around: str = ""  # of surroundings()

    def __str__(self):
        times = {ALWAYS: "always"}.get(self.most, f"{self.most} times")
        told = f"{self.case} in {self.setting}"
        if self.around:
            told += f", {self.around}"
        return told + (f", {self.error} {times}" if self.error else "")


@dataclasses.dataclass
class Result:
    job: Job
    said: str = ""
    got: list = dataclasses.field(default_factory=list)
    log: str = ""
    told: str = ""  # on standard error
    seconds: float = 0.0
    hits: int = 0
    points: dict = dataclasses.field(default_factory=dict)
    hung: bool = False


class Worker:
    """One process of the pool: a network namespace and a folder of its own."""
    it = None

    def __init__(self, folder, library, program, around):
        namespace.enter()
        self.around = around
        self.library, self.program = library, program
        self.folder = os.path.join(folder, str(os.getpid()))
        os.mkdir(self.folder)
        self.plan = os.path.join(self.folder, "plan")

    def environment(self, job):
        values = {}
        if job.setting != "bare":
            values = {"LD_PRELOAD": self.library, "FAULTS_PLAN": self.plan, **COMMON,
                      **SETTINGS[job.setting]}
        values.update(self.around.get(job.around, {}))
        return {key: value.format(folder=self.folder) for key, value in values.items()}

    def prepare(self, job):
        shutil.rmtree(self.folder)
        os.makedirs(os.path.join(self.folder, "stats"))
        for name, content in LIBRARIES.items():
            os.makedirs(os.path.join(self.folder, name))
            with open(os.path.join(self.folder, name, "libunwind.so.8"), "wb") as file:
                file.write(content)
        os.mkfifo(os.path.join(self.folder, "fifo"))
        with open(os.path.join(self.folder, "policy"), "w", encoding="ascii") as file:
            file.write(POLICY)
        error = getattr(errno, job.error) if job.error else 0
        with open(self.plan, "wb") as file:
            file.write(HEAD.pack(job.point, error, job.most, 0) + bytes(POINT.size * POINTS))

    def run(self, job):
        self.prepare(job)
        result, started = Result(job), time.monotonic()
        settings = [f"{key}={value}" for key, value in self.environment(job).items()]
        try:
            done = subprocess.run([self.program, job.case, *settings], stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=TIMEOUT, check=False)
        except subprocess.TimeoutExpired as end:
            done, result.hung = end, True
        result.seconds = time.monotonic() - started
        self.read_output(result, done)
        self.read_plan(result)
        return result

    def read_output(self, result, done):
        lines = (done.stdout or b"").decode(errors="replace").splitlines()
        result.said = "\n".join(line for line in lines if not line.startswith("peer: "))
        result.got = [int(line.split()[1]) for line in lines if line.startswith("peer: ")]
        result.told = (done.stderr or b"").decode(errors="replace")
        try:
            with open(os.path.join(self.folder, "log"), encoding="utf-8") as file:
                result.log = file.read()
        except FileNotFoundError:
            pass

    def read_plan(self, result):
        with open(self.plan, "rb") as file, \
                mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as plan:
            result.hits = HEAD.unpack_from(plan)[3]
            for offset, number, calls in POINT.iter_unpack(plan[HEAD.size:]):
                if offset:
                    result.points[offset] = (number, calls)


def begin(*args):
    Worker.it = Worker(*args)


def carry_out(job):
    return Worker.it.run(job)


