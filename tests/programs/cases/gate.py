# SPDX-License-Identifier: MIT
"""rstfix run --fail-on: the gate of a test run, over all processes that it starts."""

import importlib.util
import os
import shutil
import signal
import tempfile
import time

from harness.run import PYTHON, read
from harness.scenario import Skip, Works, scenario

AUDIT = ("audit",)
# CPython's own tests, of three modules that work with sockets and processes; and one test of a fourth,
# which leaves what a server has sent to it unread
CLEAN = ("test.test_socketserver", "test.test_wsgiref", "test.test_telnetlib")
RESETTING = "test.test_httpservers.BaseHTTPServerTestCase.test_return_header_keep_alive"


def gated(run, *argv, env=None, **options):
    """rstfix run with these arguments, without a shim around it."""
    return run.run(run.settings.rstfix, "run", *argv, shim=False, env=env, timeout=60, **options)


def status(run, *argv, **options):
    return gated(run, *argv, **options).process.returncode


def gate(run, *argv, env=None):
    """The exit status, and what it says, of a gate that fails on anything by 42."""
    program = gated(run, "--fail-on", "*", "--error-exitcode", 42, *argv, env=env)
    return program.process.returncode, program.err


@scenario(Works(), modes=AUDIT)
def a_test_run_of_python_passes_and_fails_and_passes_with_a_baseline(run):
    found = importlib.util.find_spec("test")
    folder = found and os.path.dirname(found.origin)
    if not folder or not os.path.exists(os.path.join(folder, "test_httpservers.py")):
        raise Skip("Python's tests are not installed")
    run.traced = False  # these tests use 127.0.0.1
    unittest = ("--", PYTHON, "-m", "unittest", "-q")
    known = run.path("known.json")

    code, said = gate(run, *unittest, *CLEAN)
    assert code == 0 and "OK" in said and "rstfix" not in said, f"clean: {code}, {said[-2000:]}"
    code, said = gate(run, "--log", known, *unittest, *CLEAN, RESETTING)
    assert code == 42 and "OK" in said, f"with a test that resets: {code}, {said[-2000:]}"
    assert "unread-close by close() in python3" in said and "#0 " in said, said[-2000:]
    code, said = gate(run, "--baseline", known, *unittest, *CLEAN, RESETTING)
    assert code == 0 and "0 new callsites" in said, f"with a baseline: {code}, {said[-2000:]}"


@scenario(Works(), modes=AUDIT)
def the_gate_passes_the_exit_status_on(run):
    shell = ("--fail-on", "*", "--error-exitcode", 42, "--", "/bin/sh", "-c")
    assert status(run, *shell, "exit 3") == 3
    assert status(run, *shell, "kill -KILL $$") == -signal.SIGKILL
    assert status(run, *shell, f"{run.victim('resets')}; exit 3") == 42
    assert status(run, "--fail-on", "*", "--", run.victim("resets")) == 1
    for _ in range(50):  # it ends at once
        assert status(run, "--fail-on", "*", "--", "/nonexistent") == 127
    assert status(run, "--fail-on", "*", "--", "/") == 126
    assert status(run, "--fail-on", "linger-zero", "--", run.victim("resets")) == 0
    assert status(run, "--fail-on", "!unread-close", "--", run.victim("resets")) == 0


@scenario(Works(), modes=AUDIT)
def the_gate_sees_processes_whatever_they_do(run):
    resets = run.victim("resets")
    for what in (f"env -i VICTIM_ADDRESS={run.host} {resets}",
                 f"setsid {resets} & wait",
                 f"({resets}; kill -KILL $$)",
                 f"{resets} & exit 0",
                 f"(setsid sh -c 'sleep 0.3; exec {resets}' >/dev/null 2>&1 &); exit 0"):
        code, said = gate(run, "--", "/bin/sh", "-c", what)
        assert code == 42 and "unread-close by close() in resets" in said, f"{what}: {code}, {said}"


@scenario(Works(), modes=AUDIT)
def a_daemon_that_outlives_the_command_is_told_and_not_waited_for(run):
    started = time.monotonic()
    code, said = gate(run, "--", "/bin/sh", "-c", "(setsid sleep 20 >/dev/null 2>&1 &); exit 0")
    assert code == 0 and "left behind still run" in said, f"{code}, {said}"
    assert time.monotonic() - started < 5, "it was waited for"


@scenario(Works(), modes=AUDIT)
def the_gate_passes_signals_on(run):
    program = run.start(run.settings.rstfix, "run", "--fail-on", "*", "--", "/bin/sh", "-c",
                        "trap 'echo got it; exit 7' TERM; echo ready; while :; do sleep 0.05; done",
                        shim=False)
    deadline = time.monotonic() + 10
    while program.out != "ready\n" and time.monotonic() < deadline:
        time.sleep(0.02)
    program.process.send_signal(signal.SIGTERM)
    assert (program.wait(), program.out) == (7, "ready\ngot it\n"), program.out


@scenario(Works(), modes=AUDIT)
def what_earlier_runs_have_written_is_not_judged(run):
    log = run.path("all.json")
    assert gate(run, "--log", log, "--", run.victim("resets"))[0] == 42
    size = len(read(log))
    assert gate(run, "--log", log, "--", "/bin/true")[0] == 0
    assert len(read(log)) == size > 0


@scenario(Works(), modes=AUDIT)
def a_command_that_cleans_up_the_log_hides_nothing(run):
    log = run.path("seen.json", "old content\n" * 1000)
    for clean in (f": > {log}", f"rm {log}"):
        code, said = gate(run, "--log", log, "--", "/bin/sh", "-c", f"{clean}; {run.victim('resets')}")
        assert code == 42, f"{clean}: {code}, {said}"


@scenario(Works(), modes=AUDIT, root=True, needs=("setpriv",))
def a_process_that_becomes_another_user_is_seen(run):
    drop = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    seen = run.path("seen.json")
    with tempfile.TemporaryDirectory() as folder:  # the build folder may be root's alone
        os.chmod(folder, 0o755)
        for path in (run.settings.rstfix, run.settings.library, run.victim("resets")):
            shutil.copy(path, folder)
        program = run.run(os.path.join(folder, "rstfix"), "run", "--fail-on", "*",
                          "--error-exitcode", 42, "--log", seen, "--", *drop,
                          os.path.join(folder, "resets"), shim=False, timeout=60)
    assert program.process.returncode == 42, f"{program.process.returncode}, {program.err}"
    assert '"event":"rst"' in read(seen), "the caller's log has it as well"


@scenario(Works(), modes=AUDIT)
def a_log_with_lines_that_cannot_be_read_does_not_pass(run):
    text = ("/usr/bin/env", "RSTFIX_FORMAT=text", run.victim("resets"))
    code, said = gate(run, "--", *text)
    assert code == 42 and "does not pass" in said, f"{code}, {said}"


@scenario(Works(), modes=AUDIT)
def what_the_rate_holds_back_is_counted(run):
    code, said = gate(run, "--", run.victim("resets"), "20", env={"RSTFIX_RATE": "2"})
    assert code == 42 and "20 times" in said, f"{code}, {said}"


@scenario(Works(), modes=AUDIT)
def what_a_rule_ignores_passes(run):
    rules = run.path("rules", "unread-close callsite=resets!* -> ignore")
    assert gate(run, "--policy", rules, "--", run.victim("resets"))[0] == 0


@scenario(Works(), modes=AUDIT)
def a_gate_that_would_see_nothing_refuses_to_start(run):
    bad = run.path("bad.rules", "* -> log\nunread-clos -> fix\n")
    known = run.path("known.json", "")
    fail = ("--fail-on", "*")
    for argv, env, word in (
            (("--fail-on", "unread-clos"), {}, "unread-clos"),
            (("--fail-on",), {}, "--fail-on"),
            ((*fail, "--error-exitcode", "256"), {}, "256"),
            ((*fail, "--error-exitcode", "0"), {}, "1 to 255"),
            (fail, {"RSTFIX_POLICY": "* -> log rate=0"}, "rate=0"),
            ((*fail, "--baseline", "/nonexistent"), {}, "/nonexistent"),
            (("--baseline", known), {}, "--fail-on"),
            (("--error-exitcode", "3"), {}, "--fail-on"),
            ((*fail, "--mode", "off"), {}, "off"),
            ((*fail, "--format", "text"), {}, "text"),
            ((*fail, "--log", "syslog"), {}, "syslog"),
            ((*fail, "--log", "/tmp/%p.json"), {}, "%p"),
            (fail, {"RSTFIX_RATE": "0"}, "RSTFIX_RATE"),
            ((*fail, "--baseline", known), {"RSTFIX_BACKTRACE": "0"}, "RSTFIX_BACKTRACE"),
            (("--policy", bad), {}, f"{bad}:2:1: \"unread-clos\" is no pattern"),
            ((), {"RSTFIX_POLICY": "* -> mend"}, "RSTFIX_POLICY:1:6: \"mend\" is no action")):
        program = gated(run, *argv, "--", "/bin/echo", "started", env=env)
        got = (program.process.returncode, program.out)
        assert got == (2, ""), f"{argv} {env}: {got}"
        assert word in program.err, f"{argv} {env}: {program.err!r}"
