# SPDX-License-Identifier: MIT
"""The program's language in the report: functions out of the perf map that its runtime writes."""

import json
import os
import subprocess

from harness import peers
from harness.run import script
from harness.scenario import Works, scenario

AUDIT = ("audit",)


def functions(run, *argv):
    """The names of the frames without a module; the perf map goes at the end."""
    server = peers.Answerer(run, expected=6 + 300_000)
    server.start()
    program = run.start(*argv, run.host, server.port, 300_000)
    written = f"/tmp/perf-{program.pid}.map"
    try:
        program.wait(60)
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


@scenario(Works(), modes=AUDIT, needs=("java",), quick=False)
def java_methods_are_in_the_report(run):
    named, where = functions(run, "java", "-XX:+PreserveFramePointer", "-XX:+UnlockDiagnosticVMOptions",
                             "-XX:+DumpPerfMapAtExit", "-Xcomp", script("CloseUnread.java"), "socket")
    assert any("CloseUnread.main" in name for name in named), named
    assert "close" in where, where
