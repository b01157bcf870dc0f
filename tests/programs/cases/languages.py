# SPDX-License-Identifier: MIT
"""The program's language in log and report: CPython's own frames, others' out of their perf maps."""

import contextlib
import json
import os
import socket
import subprocess
import threading

from harness import peers
from harness.run import PYTHON, script
from harness.scenario import Skip, Works, scenario

from .stats import counters

AUDIT = ("audit",)


def functions(run, *argv):
    """The names of the frames without a module; the perf map goes at the end."""
    server = peers.Answerer(run, expected=6 + 300_000)
    server.start()
    program = run.start(*argv, run.host, server.port, 300_000)
    written = f"/tmp/perf-{program.pid}.map"
    try:
        program.wait(120)
        server.result()
        out = subprocess.run([run.settings.rstfix, "report", "--format", "json", run.log],
                             capture_output=True, timeout=60, check=True).stdout
    finally:
        if os.path.exists(written):
            os.unlink(written)
    site = json.loads(out)["callsites"][0]
    named = [frame["symbol"] for frame in site["frames"] if not frame["module"]]
    assert named and None not in named, site
    return named, site["where"]


@scenario(Works(), modes=AUDIT, needs=("node",))
def javascript_functions_of_a_node_program_are_in_the_report(run):
    named, where = functions(run, "node", "--perf-basic-prof", "--interpreted-frames-native-stack",
                             script("destroy_unread.js"))
    assert any(f"{script('destroy_unread.js')}:12:" in name for name in named), named
    assert "JS:" in where, where


@scenario(Works(), modes=AUDIT, needs=("java", "javac"), quick=False)
def java_methods_are_in_the_report(run):
    subprocess.run(["javac", "-d", run.folder, script("CloseUnread.java")], timeout=120, check=True)
    named, where = functions(run, "java", "-XX:+PreserveFramePointer", "-XX:+UnlockDiagnosticVMOptions",
                             "-XX:+DumpPerfMapAtExit", "-Xcomp",
                             "-XX:CompileOnly=CloseUnread,java.net,sun.nio.ch", "-cp", run.folder,
                             "CloseUnread", "socket")
    assert any("CloseUnread.main" in name for name in named), named
    assert "Interpreter" not in where, "what is not compiled is not to blame"


class Greeter:
    """Says six bytes to whoever connects, and listens to nobody."""

    def __init__(self, run):
        self.listener = socket.create_server((run.host, 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.greet, daemon=True).start()

    def greet(self):
        while True:
            sock, _ = self.listener.accept()
            with contextlib.suppress(OSError):
                sock.sendall(b"hello\n")


def needs_python_3_11():
    done = subprocess.run([PYTHON, "-V"], capture_output=True, text=True, check=True)
    if not done.stdout.startswith("Python 3.11."):
        raise Skip(f"{PYTHON} is {done.stdout.strip()}, and 3.11 is wanted")


def kept(frame):
    """As the shim tells a frame: of a long name the end, and ASCII."""
    file, line, function = frame
    return {"file": "".join(c if " " <= c <= "~" else "?" for c in file)[-255:], "line": line,
            "function": "".join(c if " " <= c <= "~" else "?" for c in function)[-256:]}


@scenario(Works(), modes=("audit", "fix"))
def python_lines_are_those_of_the_interpreter_itself(run):
    needs_python_3_11()
    program = run.run(PYTHON, script("python_lines.py"), run.host, Greeter(run).port,
                      env={"RSTFIX_BACKTRACE": "40"})
    assert program.process.returncode == 0, program.err
    expected = [[kept(frame) for frame in json.loads(line)["frames"]][:32]
                for line in program.out.splitlines()]
    events, _ = run.events()
    told = [event["language_frames"] for event in events
            if event["event"] == "rst" and "language_frames" in event and event["op"] == "close"
            and event["outcome"] != "lingering"] if run.mode == "audit" else [
                event["language_frames"] for event in events if "language_frames" in event]
    assert len(expected) >= 13, program.out
    for frames in expected:
        assert frames in told, f"{frames[:4]}... not in {[t[:4] for t in told]}"
    ids = {event["stack_id"] for event in events if "language_frames" in event}
    assert len(ids) >= len(expected) - 1, "each line of code has a stack_id of its own"


@scenario(Works(), modes=AUDIT)
def code_at_the_address_of_code_that_is_gone_has_its_own_names(run):
    needs_python_3_11()
    program = run.run(PYTHON, script("python_made_anew.py"), run.host, Greeter(run).port, 30)
    assert int(program.out) < 10, f"{program.out} addresses: nothing was put to the test"
    resets = [event for event in run.events()[0] if event["event"] == "rst"]
    told = [event["language_frames"][0]["file"] for event in resets if "language_frames" in event]
    assert sorted(told) == [f"/srv/plugin{number:04}.py" for number in range(30)], told
    assert len({event["stack_id"] for event in resets}) == 30, resets


@scenario(Works(), modes=AUDIT)
def a_python_line_is_what_the_report_and_a_rule_name(run):
    needs_python_3_11()
    port = Greeter(run).port
    with counters() as folder:
        run.run(PYTHON, script("python_lines.py"), run.host, port,
                env={"RSTFIX_POLICY": "* callsite=python_lines.py!Closer.* -> ignore", "RSTFIX_STATS": folder})
        for path in (run.log, folder):
            said = subprocess.run([run.settings.rstfix, "report", path], capture_output=True, text=True,
                                  timeout=60, check=True).stdout
            assert f"    in  generator at {script('python_lines.py')}:" in said, said
            assert "Closer.method" not in said, said
        said = subprocess.run([run.settings.rstfix, "top", "--once", folder], capture_output=True, text=True,
                              timeout=60, check=True).stdout
        assert " close python_lines.py:" in said, said


@scenario(Works(), modes=("audit", "fix"))
def the_interpreter_ends_while_threads_are_still_resetting(run):
    needs_python_3_11()
    port = Greeter(run).port
    for _ in range(8):
        program = run.run(PYTHON, "-X", "faulthandler", script("python_end.py"), run.host, port,
                          env={"RSTFIX_RATE": "1000000", "RSTFIX_EXIT": "0s"})
        assert program.process.returncode == 0 and "Fatal" not in program.err, program.err


@scenario(Works(), modes=AUDIT)
def a_sandbox_that_kills_for_the_reading_of_memory_costs_the_python_frames(run):
    needs_python_3_11()
    program = run.run(run.victim("attack_sandbox"), "inherited", "process_vm_writev", PYTHON,
                      script("python_lines.py"), run.host, Greeter(run).port)
    assert program.process.returncode == 0, f"{program.process.returncode}: {program.err}"
    events, _ = run.events()
    assert any(event["event"] == "rst" for event in events)
    assert not any("language_frames" in event for event in events)
