# SPDX-License-Identifier: MIT
"""What can go wrong: the errors of each system call, and what a program may be surrounded by."""

import errno
import re
import subprocess

# What stands in the way of libunwind.so.8.
LIBRARIES = {"empty": b"", "garbage": bytes(range(1, 256)) * 40, "head": b"\x7fELF\x02\x01\x01"}

# What each call can return on a sound kernel, beside what a filter makes of it (ENOSYS, EPERM).
ERRORS = {
    "openat": "EMFILE ENFILE EACCES ENOENT ENOSPC EINTR ENOMEM",
    "read": "EIO EINTR", "pread64": "EIO EINTR", "write": "ENOSPC EPIPE EIO EINTR EAGAIN",
    "pwritev2": "EAGAIN EPIPE EOPNOTSUPP EINTR ENOSPC", "mmap": "ENOMEM", "mprotect": "ENOMEM",
    "madvise": "ENOMEM EINVAL", "munmap": "EINVAL", "uselib": "ENOENT",
    "getsockopt": "ENOPROTOOPT ENOMEM",
    "setsockopt": "ENOMEM ENOPROTOOPT", "ioctl": "EINVAL", "shutdown": "ENOTCONN",
    "recvfrom": "EAGAIN EINTR ENOMEM EIO", "recvmsg": "EAGAIN EINTR ENOMEM",
    "sendto": "EAGAIN ENOBUFS EPIPE ECONNREFUSED EINTR",
    "sendmsg": "EAGAIN ENOBUFS ETOOMANYREFS EPIPE",
    "socket": "EMFILE ENOBUFS", "socketpair": "EMFILE ENFILE ENOMEM", "connect": "EAGAIN ENOENT",
    "accept4": "EMFILE EAGAIN EINTR", "fcntl": "EMFILE EINVAL", "epoll_create1": "EMFILE ENOMEM",
    "epoll_ctl": "ENOMEM ENOSPC", "epoll_pwait": "EINTR", "ppoll": "EINTR ENOMEM",
    "futex": "EINTR EAGAIN", "clone": "EAGAIN ENOMEM", "close_range": "ENOMEM EMFILE",
    "pidfd_open": "EMFILE ENOMEM", "pidfd_getfd": "EMFILE ESRCH",
    "fallocate": "ENOSPC EINTR EOPNOTSUPP",
    "ftruncate": "EFBIG EINTR", "getrandom": "EAGAIN EINTR", "newfstatat": "ENOMEM ENOENT",
    "readlinkat": "ENOENT EACCES", "faccessat": "ENOENT EACCES EROFS", "execveat": "EACCES ENOENT",
    "statfs": "ENOENT EIO", "fstatfs": "EIO", "kcmp": "ESRCH", "getcwd": "ENOENT ERANGE",
    "prlimit64": "ESRCH", "tgkill": "ESRCH", "rt_sigtimedwait": "EAGAIN EINTR",
}
SPARED = {
    "close": "takes the descriptor whatever it returns",
    "exit_group": "does not return",
    ("shutdown", "make_real"): "the program's own: what has let SHUT_WR through lets SHUT_RD",
}
UNTOLD = {
    "clone": "whether a filter allows anything cannot be found out: not a notice either",
    "wait4": "as clone",
    "execveat": "the kernel says that the program's own will fail, and then it does not",
    "execve": "as execveat, where a filter was there before",
    "fcntl": "of a descriptor that is open, F_GETFD does not fail",
    "shutdown": "of what is not connected: the late reset that is watched for cannot come",
    "getsockopt": "a filter that denies it is told at the start",
    "ioctl": "as getsockopt",
    "write": "the log itself; the mapped counters tell, and the next line that gets through",
    "pwritev2": "as write",
    "newfstatat": "of the log: it is not written to then; of /proc: nothing is proven, nor lingers",
    "epoll_create1": "of what others may hold: counted as lost, perhaps after the summary was written",
    "epoll_ctl": "as epoll_create1",
    "recvmsg EAGAIN": "of a channel that is ready: taken for empty, at the end as well",
}
# Programs whose closes are a risk only, which is counted: an event where data comes while they linger.
RISKS = ("late", "shutdown-close")
# Those whose denial by a filter is told at the start.
JUDGED_BY = ("getsockopt", "setsockopt", "ioctl", "shutdown", "recvfrom", "sendto")
FOR_A_WHILE = ("EINTR", "EAGAIN")  # no sound kernel says that for ever
ALSO = ("ENOSYS", "EPERM")


# Denied to everybody from before the program's start, as by a container's filter.
DENIED = ("accept4 clone close_range epoll_create1 epoll_ctl epoll_pwait faccessat fallocate "
          "fcntl fstatfs ftruncate getpeername getrandom getsockname getsockopt gettid ioctl "
          "kcmp madvise mincore pidfd_getfd pidfd_open ppoll prlimit64 pwritev2 readlinkat "
          "recvfrom recvmsg rt_sigpending rt_sigtimedwait sched_setscheduler sendmsg sendto "
          "setsockopt shutdown sigaltstack socketpair statfs tgkill uname unlinkat unshare").split()


def surroundings(numbers):
    """Name and environment of what the whole program runs in; the reference runs in it as well."""
    around = {name: {"FAULTED": name.replace(" ", "-")}
              for name in ("filter", "few files", "little memory", "small files", "broken stderr",
                           "clock wraps", "no proc")}
    around["no thread"] = {"FAULTED": f"deny:{numbers['clone']}:0:{0x10000}:{errno.EAGAIN}"}
    around["no tables"] = {"FAULTED": f"deny:{numbers['mmap']}:3:{0x4000}:{errno.ENOMEM}"}
    around["no shared memory"] = {"FAULTED": f"deny:{numbers['mmap']}:3:1:{errno.ENOMEM}"}
    around["full disk"] = {"RSTFIX_LOG": "/dev/full"}
    around["a FIFO that nobody reads"] = {"RSTFIX_LOG": "{folder}/fifo"}
    for name in LIBRARIES:
        around[f"libunwind: {name}"] = {"LD_LIBRARY_PATH": "{folder}/" + name}
    for name in DENIED:
        for error in ("EPERM", "ENOSYS"):
            around[f"{name}: {error}"] = {
                "FAULTED": f"deny:{numbers[name]}:0:0:{getattr(errno, error)}"}
    return around


def call_names():
    """Names of the system calls of this machine."""
    names = {}
    headers = subprocess.run(["cpp", "-dM", "-include", "sys/syscall.h", "/dev/null"], check=True,
                             capture_output=True, text=True).stdout
    numbers = dict(re.findall(r"#define __NR_(\w+) (\d+)", headers))
    for name, number in numbers.items():
        names[int(number)] = name
    return names


