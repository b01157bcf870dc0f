# SPDX-License-Identifier: MIT
"""A private network namespace for one run, and what its kernel counters say.

Linux keeps the counters of /proc/net/snmp for each network namespace, so that in a fresh one every
RST counted was sent by this run. Tcp OutRsts counts them all; the TcpExt counters miss the
commonest causes.
"""

import ctypes
import fcntl
import os
import random
import signal
import socket
import struct
import time

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_CHILD_SUBREAPER = 36
SIOCSIFADDR, SIOCSIFFLAGS, IFF_UP = 0x8916, 0x8914, 0x1
LISTEN, TIME_WAIT = 0x0A, 0x06

libc = ctypes.CDLL(None, use_errno=True)


class NoNamespace(Exception):
    """This machine does not let us make a network namespace."""


def unshare(flags):
    if libc.unshare(flags) != 0:
        error = ctypes.get_errno()
        raise NoNamespace(f"unshare: {os.strerror(error)}")


def enter():
    """Moves the calling process, which must have one thread, into a namespace with only lo, up."""
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        unshare(CLONE_NEWNET)
    else:
        unshare(CLONE_NEWUSER | CLONE_NEWNET)
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"0 {uid} 1")
        write("/proc/self/gid_map", f"0 {gid} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def add_address(address):
    """Gives lo another IPv4 address."""
    where = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFADDR, struct.pack("16s16s", b"lo:1", where))


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def unique_host():
    """An address of lo that no other run uses: all RSTs of a run carry it on one side."""
    return f"127.{random.randint(32, 250)}.{random.randint(1, 250)}.{random.randint(2, 250)}"


def is_real_root():
    """Root in the user namespace that owns all uids: a program can change its user here."""
    if os.geteuid() != 0:
        return False
    with open("/proc/self/uid_map", encoding="ascii") as file:
        return file.read().split() == ["0", "0", "4294967295"]


def out_rsts():
    """RSTs sent so far in this network namespace, by whichever side."""
    with open("/proc/self/net/snmp", encoding="ascii") as file:
        names, values = [line.split() for line in file if line.startswith("Tcp:")]
    return int(values[names.index("OutRsts")])


def sockets(state):
    """(local port, peer port) of every TCP socket in that state."""
    found = []
    for path in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        try:
            with open(path, encoding="ascii") as file:
                lines = file.readlines()[1:]
        except FileNotFoundError:
            continue
        for fields in (line.split() for line in lines):
            if int(fields[3], 16) == state:
                ports = [int(end.rsplit(":", 1)[1], 16) for end in fields[1:3]]
                found.append(tuple(ports))
    return found


def wait_listening(port, timeout=20):
    """Waits for a listener without connecting to it. False when none came in time."""
    deadline = time.monotonic() + timeout
    while port not in [local for local, _ in sockets(LISTEN)]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def adopt_orphans():
    """Daemons that our programs leave behind become children of this process, not of init."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children():
    found = []
    for thread in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{thread}/children", encoding="ascii") as file:
            found += [int(pid) for pid in file.read().split()]
    return found


def end_children(spared=()):
    """Kills what this process started, and what those left behind, until nothing is left."""
    while pids := [pid for pid in children() if pid not in spared]:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for pid in pids:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass
