# SPDX-License-Identifier: MIT
"""rstfix run --kernel: each RST that the kernel sends, and the line of code behind it."""

import json
import os
import re
import shutil
import tempfile

from harness.run import PYTHON, read, script
from harness.scenario import Works, scenario

AUDIT = ("audit",)
SUMMARY = re.compile(r"the kernel has sent \d+ RSTs?(.*)")
NAMES = ("told", "late", "ignored", "from the other end", "unexplained")


def sums(said):
    found = SUMMARY.search(said)
    assert found, said
    counts = {name: re.search(rf"(\d+) {name}", found[1]) for name in NAMES}
    return {name: int(hit[1]) if hit else 0 for name, hit in counts.items()}


def kernel(run, *argv, options=(), env=None, status=0):
    """({name: count}, what it says, events) of a command that is run with --kernel."""
    log = run.path(f"kernel-{len(run.programs)}.json")
    program = run.run(run.settings.rstfix, "run", "--kernel", "--log", log, *options, "--", *argv,
                      shim=False, env=env)
    assert program.process.returncode == status, f"{program.process.returncode}: {program.err}"
    counts = sums(program.err)
    told = [json.loads(line) for line in read(log).splitlines()]
    return counts, program.err, told


def late(run, how, **options):
    return kernel(run, PYTHON, script("late_data.py"), how, **options)


@scenario(Works(), modes=AUDIT, root=True)
def a_late_rst_is_blamed_on_the_close_that_left_it(run):
    counts, said, told = late(run, "close")
    assert (counts["told"], counts["late"], counts["from the other end"]) == (0, 1, 0), said
    assert "1 by late-data, close() in python3" in said and "    #0 " in said, said
    events = [event for event in told if event["event"] == "rst"]
    assert len(events) == 1, events
    event, = events
    assert (event["pattern"], event["op"], event["outcome"], event["count"]) == (
        "late-data", "close", "reset", 1), event
    closes = [line for line in told if line["event"] == "close" and line["sock"] == event["sock"]]
    assert len(closes) == 1 and event["stack_id"] == closes[0]["stack_id"], closes
    assert event["frames"] and event["time"] > closes[0]["time"], event
    assert event["local"].startswith(run.host + ":"), event
    log = run.path("told.json", "".join(json.dumps(line) + "\n" for line in told))
    report = run.run(run.settings.rstfix, "report", log, shim=False)
    assert "late-data" in report.out and "passed over" not in report.out + report.err, report.out


@scenario(Works(), modes=AUDIT, root=True)
def a_name_of_a_program_is_no_command_for_the_terminal(run):
    program = run.path("x\033[31m")
    os.symlink(PYTHON, program)
    _, said, _ = kernel(run, program, script("late_data.py"), "close")
    assert "close() in x\\x1b[31m, stack" in said and "\033" not in said, said


@scenario(Works(), modes=AUDIT, root=True)
def a_late_rst_is_blamed_on_the_exit_that_left_it(run):
    counts, said, _ = late(run, "exit")
    assert (counts["told"], counts["late"]) == (0, 1), said
    assert "1 by late-data, exit() in python3" in said, said


@scenario(Works(), modes=AUDIT, root=True)
def a_late_rst_is_blamed_on_the_exit_of_a_program_that_has_inherited_the_connection(run):
    counts, said, _ = late(run, "inherit")
    assert (counts["told"], counts["late"], counts["unexplained"]) == (0, 1, 0), said
    assert "1 by late-data, exit() in python3" in said, said


@scenario(Works(), modes=AUDIT, root=True)
def a_rst_after_a_shutdown_of_both_sides_is_told_by_its_event(run):
    counts, said, told = late(run, "shutdown")
    assert counts["told"] + counts["late"] == 1, said
    assert "1 by shutdown-read, " in said, said
    assert [event["pattern"] for event in told if event["event"] == "rst"] == ["shutdown-read"], told


@scenario(Works(), modes=AUDIT, root=True)
def resets_that_events_tell_are_told_whatever_the_rate(run):
    counts, said, _ = kernel(run, run.victim("resets"), 30)
    assert counts["told"] == 30 and counts["late"] == 0, said
    assert "30 by unread-close, close() in resets" in said, said
    rules = run.path("rules", "unread-close -> ignore")
    counts, said, _ = kernel(run, run.victim("resets"), 2, options=("--policy", rules))
    assert (counts["told"], counts["ignored"]) == (0, 2), said


@scenario(Works(), modes=AUDIT, root=True)
def what_no_event_explains_is_listed(run):
    program = run.start(run.settings.rstfix, "run", "--kernel", "--", PYTHON,
                        script("late_data.py"), "killed", shim=False)
    assert program.wait() == -9, "the end of the command is passed on"
    address, port = program.out.split()
    line = rf"unexplained: {address}:{port} > \S+, \d+ RSTs?, first in TCP_\w+, TCP_\w+, while "
    assert re.search(line, program.err), program.err
    assert sums(program.err)["unexplained"] >= 1, program.err


@scenario(Works(), modes=AUDIT, root=True, needs=("unshare", "ip"))
def what_the_command_sends_from_another_network_namespace_is_listed(run):
    run.traced = False  # it is not in the counter
    inside = f"ip link set lo up; exec {PYTHON} {script('late_data.py')} killed"
    program = run.start(run.settings.rstfix, "run", "--kernel", "--", "unshare", "-n", "sh", "-c",
                        inside, shim=False)
    assert program.wait() == -9, "the end of the command is passed on"
    address, port = program.out.split()
    assert re.search(rf"unexplained: {address}:{port} > ", program.err), program.err
    assert sums(program.err)["unexplained"] >= 1, program.err


@scenario(Works(), modes=AUDIT, root=True)
def a_refused_connection_is_the_other_ends(run):
    counts, said, _ = late(run, "refused")
    assert (counts["told"], counts["late"], counts["from the other end"]) == (0, 0, 1), said


@scenario(Works(), modes=AUDIT, root=True)
def the_gate_fails_on_late_data_that_the_kernel_has_proven(run):
    gate = ("--error-exitcode", "42", "--fail-on")
    _, said, _ = late(run, "close", options=(*gate, "late-data"), status=42)
    assert "late-data by close() in python3, 1 time" in said, said
    late(run, "close", options=(*gate, "unread-close"))
    program = run.run(run.settings.rstfix, "run", "--fail-on", "late-data", "--", PYTHON,
                      script("late_data.py"), "close", shim=False)
    assert program.process.returncode == 0, "without the kernel nobody knows"


@scenario(Works(), modes=("fix",), root=True)
def a_mended_program_has_nothing_to_explain(run):
    counts, said, told = kernel(run, run.victim("resets"), 3, options=("--mode", "fix"))
    assert (counts["told"], counts["late"]) == (0, 0) and run.rsts() == 0, said
    assert {event["outcome"] for event in told if event["event"] == "rst"} == {"averted"}, told


@scenario(Works(), modes=AUDIT, root=True, needs=("setpriv",))
def without_tracefs_the_counter_is_compared(run):
    drop = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    with tempfile.TemporaryDirectory() as folder:  # the build folder may be root's alone
        os.chmod(folder, 0o755)
        for path in (run.settings.rstfix, run.settings.library, run.victim("resets"),
                     script("late_data.py")):
            shutil.copy(path, folder)
        rstfix = (*drop, os.path.join(folder, "rstfix"), "run", "--kernel", "--")
        told = run.run(*rstfix, os.path.join(folder, "resets"), 2, shim=False).err
        not_told = run.run(*rstfix, PYTHON, os.path.join(folder, "late_data.py"), "close",
                           shim=False).err
    assert "no RST can be traced" in told, told
    assert "counted 2 RSTs in this network namespace" in told, told
    assert "2 are told by events, so 0 are unexplained" in told, told
    assert "0 are told by events, so 1 is unexplained" in not_told, not_told


@scenario(Works(), modes=AUDIT, root=True, needs=("unshare", "mount"))
def resets_are_traced_where_another_sys_hides_tracefs(run):
    """As under `ip netns exec`."""
    hidden = 'mount -t sysfs sysfs /sys && [ ! -e /sys/kernel/tracing/instances ] && exec "$@"'
    program = run.run("unshare", "-m", "sh", "-c", hidden, "sh", run.settings.rstfix, "run", "--kernel",
                      "--", run.victim("resets"), 2, shim=False)
    counts = sums(program.err)
    assert (counts["told"], counts["unexplained"]) == (2, 0), program.err


@scenario(Works(), modes=AUDIT)
def the_kernel_is_not_asked_where_nothing_could_be_matched(run):
    for argv, word in ((("--mode", "off"), "off"), (("--log", "journal"), "journal"),
                       (("--format", "text"), "text")):
        program = run.run(run.settings.rstfix, "run", "--kernel", *argv, "--", "/bin/echo", "started",
                          shim=False)
        assert (program.process.returncode, program.out) == (2, ""), argv
        assert f'"{word}"' in program.err and "--kernel" in program.err, program.err
