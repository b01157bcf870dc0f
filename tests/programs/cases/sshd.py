# SPDX-License-Identifier: MIT
"""sshd: its child that talks to strangers sits in a seccomp sandbox, and dies by any system call
that it did not ask for itself. Before that it has made RLIMIT_FSIZE 0: a write to a log file would
kill it as well."""

import glob
import hashlib
import os
import re
import socket
import time

from harness.run import read, which
from harness.scenario import Skip, Works, scenario

PRIVSEP = "/run/sshd"  # compiled into sshd
SIZE = 1 << 20
CONFIG = """\
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/client_key.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin yes
PasswordAuthentication no
UseDNS no
"""


def start_sshd(run):
    os.makedirs(PRIVSEP, mode=0o755, exist_ok=True)
    for name in ("host_key", "client_key"):
        key = run.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", run.path(name),
                      shim=False)
        assert key.process.returncode == 0, key.err
    config = run.path("sshd_config", CONFIG.format(folder=run.folder))
    return run.serve(which("sshd"), "-D", "-e", "-f", config, "-p", run.port,
                     "-o", f"ListenAddress={run.host}")


def login(run, command):
    return run.run("ssh", "-F", "none", "-p", run.port, "-i", run.path("client_key"),
                   "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
                   "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=INFO",
                   f"root@{run.host}", command, shim=False)


def status_field(pid, name):
    match = re.search(rf"^{name}:\s+(\S+)", read(f"/proc/{pid}/status"), re.MULTILINE)
    return match[1] if match else ""


def sandboxed_below(pid):
    """The descendants of pid that run under a seccomp filter."""
    found = []
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        for child in read(path).split():
            found += [child] if status_field(child, "Seccomp") == "2" else []
            found += sandboxed_below(child)
    return found


def meet_the_sandbox(run, sshd):
    """Stops in the middle of the key exchange: the sandboxed child is there, and lives."""
    with socket.create_connection((run.host, run.port), 10) as sock:
        sock.recv(100)
        sock.sendall(b"SSH-2.0-test\r\n")
        sock.recv(2000)  # the server's proposal: written by the sandboxed child
        deadline = time.monotonic() + 5
        while not (child := sandboxed_below(sshd.pid)):
            assert time.monotonic() < deadline, "sshd has no child under a seccomp filter"
            time.sleep(0.02)
        time.sleep(0.3)
        assert sandboxed_below(sshd.pid) == child, "the sandboxed child is gone"


@scenario(Works(), needs=("sshd", "ssh", "ssh-keygen"), root=True)
def sshd_with_its_sandboxed_child_logs_in_and_transfers(run):
    if ":!" in next(line for line in read("/etc/shadow").splitlines() if line.startswith("root:")):
        raise Skip("root's account is locked, sshd lets nobody in")
    sshd = start_sshd(run)
    meet_the_sandbox(run, sshd)
    for turn in range(3):
        hello = login(run, f"echo hello {turn}")
        assert hello.out == f"hello {turn}\n", f"login {turn}: {hello.out} {hello.err} {sshd.err}"
    with open(run.path("data"), "wb") as file:
        file.write(os.urandom(SIZE))
    copy = login(run, f"cat {run.path('data')}")
    with open(copy.base + ".out", "rb") as got, open(run.path("data"), "rb") as sent:
        same = hashlib.sha256(got.read()).digest() == hashlib.sha256(sent.read()).digest()
    assert same, f"the transfer is not what was sent: {copy.err}"
    assert "terminated by signal" not in sshd.err, sshd.err
