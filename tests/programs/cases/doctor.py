# SPDX-License-Identifier: MIT
"""rstfix doctor: what a preload would not see, of a command and of a process that runs."""

import json
import os
import shutil
import struct
import tempfile
import time

from harness.run import PYTHON
from harness.scenario import Skip, Works, scenario

AUDIT = ("audit",)
SLEEP = "import time; print('ready', flush=True); time.sleep(60)\n"
RING = "import ctypes, sys; sys.exit(ctypes.CDLL(None).syscall(425, 4, bytes(120)) < 0)\n"
HOLD_RING = "import ctypes; ctypes.CDLL(None).syscall(425, 4, bytes(120))\n"
FILTER = """
import ctypes, struct
allow = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7fff0000))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, struct.pack("HxxxxxxP", 1, ctypes.addressof(allow))) == 0
"""
TWO_LIBCS = """
import ctypes
dlmopen = ctypes.CDLL(None).dlmopen
dlmopen.restype = ctypes.c_void_p
assert dlmopen(ctypes.c_long(-1), b"libc.so.6", 2)
"""


def doctor(run, *target, env=None, command=None):
    """(exit status, {code: finding}) of its JSON; text says the same."""
    argv = (command or run.settings.rstfix, "doctor", "--format", "json", *target)
    program = run.run(*argv, shim=False, env=env)
    found = json.loads(program.out)
    weights = {finding["weight"] for finding in found["findings"]}
    status = 2 if "whole" in weights else 1 if "part" in weights else 0
    assert program.process.returncode == status, f"{program.process.returncode}: {found}"
    text = run.run(argv[0], "doctor", *target, shim=False, env=env)
    assert text.process.returncode == status, text.out
    for finding in found["findings"]:
        assert finding["what"] in text.out and (finding["why"] or "") in text.out, text.out
    return status, {finding["code"]: finding for finding in found["findings"]}


def running(run, code, **options):
    """A process that has done what code says, and sleeps."""
    program = run.start(PYTHON, "-c", code + SLEEP, **options)
    deadline = time.monotonic() + 10
    while "ready" not in program.out:
        assert program.process.poll() is None and time.monotonic() < deadline, program.err
        time.sleep(0.02)
    return program.pid


def without_interpreter(run):
    """A copy of a program, whose PT_INTERP is none."""
    with open("/bin/true", "rb") as file:
        image = bytearray(file.read())
    start, = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    for at in range(start, start + size * count, size):
        if struct.unpack_from("<I", image, at)[0] == 3:
            struct.pack_into("<I", image, at, 0)
    path = run.path("static")
    with open(path, "wb") as file:
        file.write(image)
    os.chmod(path, 0o755)
    return path


@scenario(Works(), modes=AUDIT)
def the_doctor_finds_nothing_wrong_with_an_ordinary_command(run):
    for argv in (("/bin/true",), ("env", "A=1", "true"), (PYTHON, "-c", "1")):
        status, found = doctor(run, *argv)
        assert status == 0 and not {"static", "own-functions", "script"} & set(found), found


@scenario(Works(), modes=AUDIT)
def the_doctor_follows_a_script_to_a_program_that_has_no_loader(run):
    static = without_interpreter(run)
    status, found = doctor(run, static)
    assert status == 2 and found["static"]["to_do"], found
    script = run.path("script", f"#!{static} -x\n")
    os.chmod(script, 0o755)
    status, found = doctor(run, script)
    assert status == 2 and static in found["script"]["what"] and "static" in found, found


@scenario(Works(), modes=AUDIT)
def the_doctor_names_what_stands_in_front(run):
    other = run.path("libother.so")
    shutil.copy(run.settings.library, other)
    missing = run.path("missing.so")
    status, found = doctor(run, "/bin/true", env={"LD_PRELOAD": f"{missing}:{other}"})
    assert status == 1 and f"{other} itself" in found["preload-in-front"]["what"], found
    status, found = doctor(run, "/bin/true",
                           env={"LD_PRELOAD": f"{run.settings.library} {other}"})
    assert status == 0 and "preload-in-front" not in found, found


@scenario(Works(), modes=AUDIT, root=True, needs=("setpriv",))
def the_doctor_sees_setuid_and_capabilities_as_the_user_that_asks(run):
    with tempfile.TemporaryDirectory() as folder:  # the build folder may be root's alone
        os.chmod(folder, 0o755)
        for path in (run.settings.rstfix, run.settings.library):
            shutil.copy(path, folder)
        setuid = shutil.copy("/bin/true", os.path.join(folder, "setuid"))
        os.chmod(setuid, 0o4755)
        capable = shutil.copy("/bin/true", os.path.join(folder, "capable"))
        try:  # CAP_NET_RAW, permitted and effective
            os.setxattr(capable, "security.capability", struct.pack("<5I", 0x2000001, 1 << 13, 0, 0, 0))
        except OSError:
            capable = None
        rstfix = os.path.join(folder, "rstfix")
        assert doctor(run, setuid, command=rstfix)[0] == 0, "root gains nothing by it"
        nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", rstfix, "doctor")
        program = run.run(*nobody, setuid, shim=False)
        assert program.process.returncode == 2 and "is setuid" in program.out, program.out
        if capable:
            program = run.run(*nobody, capable, shim=False)
            assert program.process.returncode == 2 and "capabilities" in program.out, program.out
        program = run.run(*nobody, os.getpid(), shim=False)
        assert program.process.returncode == 1 and "Permission denied" in program.out, program.out


@scenario(Works(), modes=("audit", "fix"))
def the_doctor_tells_of_a_process_whether_it_has_the_shim(run):
    status, found = doctor(run, running(run, ""))
    assert status == 0, found
    assert f"mode {run.mode}" in found["loaded"]["what"] and run.log in found["loaded"]["what"]
    status, found = doctor(run, running(run, "", shim=False))
    assert status == 1 and "not-loaded" in found, found
    status, found = doctor(run, running(run, "", env={"RSTFIX_MODE": "off"}))
    assert status == 1 and "off" in found, found
    status, found = doctor(run, running(run, "", env={"RSTFIX_PROGRAMS": "httpd"}))
    assert status == 1 and "programs" in found, found
    library = run.path("librstfix.so", "not a library")
    status, found = doctor(run, running(run, "", env={"LD_PRELOAD": library}))
    assert status == 2 and "not-loaded" in found, found


@scenario(Works(), modes=AUDIT)
def the_doctor_finds_in_a_process_what_goes_past_libc(run):
    status, found = doctor(run, running(run, FILTER))
    assert status == 1 and "seccomp" in found, found
    status, found = doctor(run, running(run, TWO_LIBCS))
    assert status == 1 and "second-libc" in found, found
    if run.run(PYTHON, "-c", RING, shim=False).process.returncode:
        raise Skip("io_uring is not to be had here")
    status, found = doctor(run, running(run, HOLD_RING))
    assert status == 1 and "1 io_uring open" in found["io-uring"]["what"], found


@scenario(Works(), modes=AUDIT, root=True)
def the_doctor_knows_that_a_chroot_has_no_library(run):
    inside = "import os, time\nos.chroot('.')\n"
    status, found = doctor(run, running(run, inside, shim=False))
    assert status == 2 and run.settings.library in found["root"]["what"], found


@scenario(Works(), modes=AUDIT)
def the_doctor_refuses_what_it_cannot_judge(run):
    status, found = doctor(run, "/nonexistent")
    assert status == 2 and "not-found" in found, found
    status, found = doctor(run, 4194305)  # beyond the highest pid
    assert status == 2 and "not-found" in found, found
    for argv in ((), ("--format",), ("--format", "xml", "/bin/true"), ("--verbose", "/bin/true")):
        program = run.run(run.settings.rstfix, "doctor", *argv, shim=False)
        assert (program.process.returncode, program.out) == (2, ""), argv
        assert "rstfix doctor: " in program.err, program.err
