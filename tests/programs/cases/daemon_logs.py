# SPDX-License-Identifier: MIT
"""RSTFIX_LOG=syslog and journal: what daemons get, fake ones and real ones, in a mount namespace."""

import json
import os
import re
import shutil
import socket
import stat
import subprocess
import time

from harness import namespace
from harness.run import PYTHON, read, script
from harness.scenario import Skip, Works, scenario

CLONE_NEWNS = 0x20000
MS_PRIVATE, MS_REC = 1 << 18, 1 << 14
SYSLOG, JOURNAL = "/dev/log", "/run/systemd/journal/socket"
JOURNALD = "/lib/systemd/systemd-journald"
AUDIT = ("audit",)


def mount(source, target, kind, flags=0):
    if namespace.libc.mount(source, target.encode(), kind, flags, None) != 0:
        raise Skip(f"{target} cannot be mounted")


def own_folders():
    """/dev and /run of our own, with what programs need."""
    namespace.unshare(CLONE_NEWNS)
    mount(None, "/", None, MS_PRIVATE | MS_REC)
    mount(b"tmpfs", "/run", b"tmpfs")
    mount(b"tmpfs", "/dev", b"tmpfs")
    for name, minor in (("null", 3), ("zero", 5), ("urandom", 9)):
        os.mknod(f"/dev/{name}", 0o666 | stat.S_IFCHR, os.makedev(1, minor))
    os.makedirs("/run/systemd/journal")
    os.makedirs("/run/log/journal")


class Daemon:
    """A datagram socket, where a daemon would have it."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(path)
        os.chmod(path, 0o666)
        self.path = path

    def all(self):
        """What has come so far."""
        got = []
        self.sock.setblocking(False)
        try:
            while True:
                got.append(self.sock.recv(1 << 18))
        except BlockingIOError:
            return got

    def end(self):
        self.sock.close()
        os.unlink(self.path)


class Victim:
    """resets_on_request.py, of which one thing at a time is asked."""

    def __init__(self, run, log, **env):
        reader, self.writer = os.pipe()
        env = {"RSTFIX_LOG": log, "RSTFIX_FORMAT": "text", "RSTFIX_RATE": "100000", **env}
        self.program = run.start(PYTHON, script("resets_on_request.py"), env=env, stdin=reader)
        os.close(reader)
        self.answers = 0

    def ask(self, what):
        os.write(self.writer, what.encode() + b"\n")
        self.answers += 1
        deadline = time.monotonic() + 20
        while self.program.out.count("\n") < self.answers:
            assert self.program.process.poll() is None and time.monotonic() < deadline, (
                f"{what}: no answer; {self.program.out[-200:]} {self.program.err[-500:]}")
            time.sleep(0.01)
        return self.program.out.splitlines()[-1]

    def end(self):
        os.close(self.writer)
        status = self.program.wait()
        assert status == 0, f"exit status {status}: {self.program.err[-500:]}"


def fields(datagram):
    """The journal's native protocol, read strictly."""
    found = {}
    while datagram:
        line, newline, rest = datagram.partition(b"\n")
        assert newline, f"no newline at the end: {datagram[-100:]!r}"
        key, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(rest[:8], "little")
            value, rest = rest[8:8 + size], rest[8 + size:]
            assert rest[:1] == b"\n", f"{key}: the length {size} is wrong: {rest[:100]!r}"
            rest = rest[1:]
        assert re.fullmatch(rb"[A-Z][A-Z0-9_]*", key) and key not in found, key
        found[key.decode()] = value.decode()
        datagram = rest
    return found


@scenario(Works(), modes=("audit", "fix"), root=True)
def syslog_gets_a_line_for_each_event(run):
    own_folders()
    daemon = Daemon(SYSLOG)
    program = run.run(run.victim("resets"), 2, env={"RSTFIX_LOG": "syslog", "RSTFIX_FORMAT": "text"})
    assert program.out == "done 2\n" and program.err == "", program.err
    lines = [line.decode() for line in daemon.all()]
    tag = rf"rstfix\[{program.pid}\]: resets\[{program.pid}\]: "
    priority = 12 if run.mode == "audit" else 14
    events = [line for line in lines if re.match(rf"<{priority}>{tag}close\(\) of fd \d+ with 6 ", line)]
    assert len(events) == 2 and lines[-1].startswith(f"<14>rstfix[{program.pid}]: "), lines
    assert f" #0 ?? ({run.victim('resets')}+0x" in events[0], events[0]
    assert not any("\n" in line or "  " in line for line in lines), lines


@scenario(Works(), modes=AUDIT, root=True)
def syslog_gets_json_where_that_is_asked_for(run):
    own_folders()
    daemon = Daemon(SYSLOG)
    run.run(run.victim("resets"), env={"RSTFIX_LOG": "syslog"})
    told = [json.loads(line.split(b": ", 1)[1]) for line in daemon.all()]
    assert [event["event"] for event in told] == ["rst", "summary"], told


@scenario(Works(), modes=("audit", "fix"), root=True)
def the_journal_gets_fields(run):
    own_folders()
    daemon = Daemon(JOURNAL)
    program = run.run(run.victim("resets"), env={"RSTFIX_LOG": "journal", "RSTFIX_FORMAT": "text"})
    assert program.out == "done 1\n" and program.err == "", program.err
    told = {found["RSTFIX_EVENT"]: found for found in map(fields, daemon.all())}
    event, summary = told["rst"], told["summary"]
    fix = run.mode == "fix"
    expected = {"PRIORITY": "6" if fix else "4", "SYSLOG_IDENTIFIER": "rstfix", "TID": str(program.pid),
                "RSTFIX_EVENT": "rst", "RSTFIX_PROGRAM": "resets", "RSTFIX_PATTERN": "unread-close",
                "RSTFIX_OP": "close", "RSTFIX_ACTION": "fix" if fix else "log",
                "RSTFIX_OUTCOME": "averted" if fix else "reset", "RSTFIX_UNREAD": "6",
                "RSTFIX_UNSENT": "0", "RSTFIX_ROLE": "server", "RSTFIX_COUNT": "1",
                "RSTFIX_MODULE": run.victim("resets")}
    wrong = {key: event.get(key) for key, value in expected.items() if event.get(key) != value}
    assert not wrong, f"{wrong} in {event}"
    assert event["RSTFIX_LOCAL"].startswith(run.host + ":") and event["RSTFIX_SOCK"].isdigit()
    assert re.fullmatch(r"[0-9a-f]{16}", event["RSTFIX_STACK_ID"]), event
    assert event["MESSAGE"].startswith(f"resets[{program.pid}]: close() of fd "), event["MESSAGE"]
    assert "\n    #0 " in event["MESSAGE"] and not event["MESSAGE"].endswith("\n")
    assert summary["RSTFIX_EVENT"] == "summary" and "1 x unread-close" in summary["MESSAGE"], summary
    assert ("notice" in told) == fix, told  # that a server without SO_REUSEADDR has TIME_WAIT now


@scenario(Works(), modes=AUDIT, root=True, needs=("journalctl",))
def a_real_journald_keeps_the_fields(run):
    if not os.path.exists(JOURNALD):
        raise Skip(f"{JOURNALD} is not installed")
    own_folders()
    journald = run.start(JOURNALD, shim=False)
    deadline = time.monotonic() + 10
    while not os.path.exists(JOURNAL):
        if journald.process.poll() is not None or time.monotonic() > deadline:
            raise Skip("journald does not start here")
        time.sleep(0.05)
    program = run.run(run.victim("resets"), env={"RSTFIX_LOG": "journal", "RSTFIX_FORMAT": "text"})
    found = {}
    while "summary" not in found and time.monotonic() < deadline:
        out = subprocess.run(["journalctl", "-o", "json", "-t", "rstfix", "-D", "/run/log/journal"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
        found = {entry["RSTFIX_EVENT"]: entry for entry in map(json.loads, out.splitlines())}
        time.sleep(0.1)
    event = found["rst"]
    assert (event["RSTFIX_PATTERN"], event["PRIORITY"], event["_PID"], event["_TRANSPORT"]) == (
        "unread-close", "4", str(program.pid), "journal"), event
    assert "\n    #0 " in event["MESSAGE"], event


@scenario(Works(), modes=AUDIT, root=True, needs=("busybox",))
def a_real_syslogd_takes_the_line_and_adds_the_time(run):
    own_folders()
    log = run.path("messages")
    run.start("busybox", "syslogd", "-n", "-O", log, shim=False)
    deadline = time.monotonic() + 10
    while not os.path.exists(SYSLOG):
        if time.monotonic() > deadline:
            raise Skip("busybox has no syslogd that starts here")
        time.sleep(0.05)
    program = run.run(run.victim("resets"), env={"RSTFIX_LOG": "syslog", "RSTFIX_FORMAT": "text"})
    line = rf"^\w{{3}} [ \d]\d \d\d:\d\d:\d\d \S+ user.warn rstfix\[{program.pid}\]: resets\["
    while not re.search(line, read(log), re.M):
        assert time.monotonic() < deadline, read(log)
        time.sleep(0.05)


@scenario(Works(), modes=AUDIT, root=True)
def a_program_goes_on_telling_whatever_it_does_to_its_descriptors(run):
    own_folders()
    for log, path in (("syslog", SYSLOG), ("journal", JOURNAL)):
        daemon = Daemon(path)
        victim = Victim(run, log)
        for what in ("closeall", "chroot " + run.folder):
            victim.ask("reset 1")
            assert len(daemon.all()) == 1, what
            victim.ask(what)
        victim.ask("reset 2")
        assert len(daemon.all()) == 2, "the connection outlives the root"
        victim.end()
        daemon.end()


@scenario(Works(), root=True)
def a_log_file_outlives_the_root(run):
    """Of a server that changes it before its first event, and of its children."""
    os.mkdir(run.path("root"))
    victim = Victim(run, run.path("root-%p.json"), RSTFIX_FORMAT="json")
    victim.ask("chroot " + run.path("root"))
    victim.ask("reset 1")
    victim.ask("fork")
    victim.end()
    if run.bare:
        return
    told = [json.loads(line) for line in read(run.path(f"root-{victim.program.pid}.json")).splitlines()]
    ends = [event for event in told
            if event["event"] == "rst" and event["outcome"] in ("averted", "reset")]
    assert len(ends) == 2 and len({event["pid"] for event in ends}) == 2, told


LOCKED_UP = (("syscall", "event"), ("event", "syscall", "closefrom", "event"),
             ("event", "chroot", "close_range", "event"))


@scenario(Works(), modes=("audit", "fix"), root=True)
def a_daemon_in_a_jail_tells_nothing_inside_of_it(run):
    inside = run.path("jail") + run.folder
    os.makedirs(inside)
    for number, steps in enumerate(LOCKED_UP):
        log = run.path(f"{number}.json")
        program = run.run(run.victim("attack_roots"), *steps, env={"RSTFIX_LOG": log})
        assert program.process.returncode == 0 and not program.err, program.err
        assert not os.listdir(inside), f"{steps}: {os.listdir(inside)} is told in the jail"
        told = [json.loads(line) for line in read(log).splitlines()]
        ends = [event["outcome"] for event in told if event.get("pattern") == "unread-close"
                and event["outcome"] != "lingering"]
        right = "reset" if run.mode == "audit" else "averted"
        assert ends == [right] * steps.count("event"), f"{steps}: {ends}"


@scenario(Works(), modes=AUDIT, root=True)
def no_line_goes_to_a_socket_under_the_number_of_the_log(run):
    own_folders()
    for log, path in (("syslog", SYSLOG), ("journal", JOURNAL)):
        daemon = Daemon(path)
        victim = Victim(run, log)
        victim.ask("reset 1")
        assert len(daemon.all()) == 1
        got = victim.ask("over " + run.victim("libraw.so"))
        if "not on this machine" in got:
            raise Skip("no raw system calls are written for this machine")
        assert got == "b''", f"a line of the log in the program's socket: {got}"
        victim.ask("reset 1")
        assert len(daemon.all()) >= 3, "the log is opened anew"
        victim.end()
        daemon.end()


@scenario(Works(), modes=AUDIT, root=True)
def a_daemon_that_is_gone_costs_one_complaint_and_one_that_is_back_gets_all(run):
    own_folders()
    for log, path in (("syslog", SYSLOG), ("journal", JOURNAL)):
        daemon = Daemon(path)
        victim = Victim(run, log)
        victim.ask("reset 1")
        assert len(daemon.all()) == 1
        daemon.end()
        victim.ask("reset 3")
        said = victim.program.err
        assert said.count("\n") == 1 and path in said and "lost" in said, said
        daemon = Daemon(path)
        victim.ask("reset 1")
        told = b" ".join(daemon.all())
        assert b"3 lines were lost before this" in told, told
        victim.end()
        assert victim.program.err == said, victim.program.err
        daemon.end()


@scenario(Works(), modes=AUDIT, root=True)
def a_daemon_that_does_not_read_blocks_nobody(run):
    own_folders()
    daemon = Daemon(JOURNAL)
    victim = Victim(run, "journal")
    victim.ask("reset 1000")
    kept = len(daemon.all())
    victim.ask("reset 1")
    told = b" ".join(daemon.all())
    assert kept < 1000 and f"{1000 - kept} lines were lost".encode() in told, f"{kept}, {told}"
    victim.end()


@scenario(Works(), modes=AUDIT, root=True)
def without_a_daemon_standard_error_is_used_and_that_is_said_once(run):
    own_folders()
    shutil.rmtree("/run/systemd")
    for log in ("syslog", "journal"):
        program = run.run(run.victim("resets"), env={"RSTFIX_LOG": log, "RSTFIX_FORMAT": "text"})
        assert program.out == "done 1\n", program.out
        said = program.err.splitlines()
        assert f"RSTFIX_LOG={log}: its socket does not exist; standard error is used" in said[0], said
        assert "unread" in said[1] and program.err.count("RSTFIX_LOG") == 1, said
