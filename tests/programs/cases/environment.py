# SPDX-License-Identifier: MIT
"""A mistake in the environment costs one clear line, and never anything else."""

from harness import peers
from harness.run import PYTHON, read, script
from harness.scenario import Resets, Works, scenario

SHIM = ("audit", "fix")

# variable, a value it cannot have, words that tell what is allowed
WRONG = [
    ("RSTFIX_MODE", "fxi", ("audit", "fix", "off")),
    ("RSTFIX_MODE", "FIX ME", ("audit", "fix", "off")),
    ("RSTFIX_LOG", "/nonexistent/folder/log", ()),
    ("RSTFIX_LOG", "/", ()),
    ("RSTFIX_LOG", "/proc/self/nothing/log", ()),
    ("RSTFIX_LOG", "stdout", ("stderr", "none", "syslog", "journal")),
    ("RSTFIX_FORMAT", "xml", ("text", "json")),
    ("RSTFIX_BACKTRACE", "65", ("0 to 64",)),
    ("RSTFIX_BACKTRACE", "all", ("0 to 64",)),
    ("RSTFIX_BACKTRACE", "-1", ("0 to 64",)),
    ("RSTFIX_BACKTRACE", "99999999999999999999", ("0 to 64",)),
    ("RSTFIX_RATE", "fast", ("0 to",)),
    ("RSTFIX_RATE", "1.5", ("0 to",)),
    ("RSTFIX_LINGER", "idle=forever", ("idle",)),
    ("RSTFIX_LINGER", "2s", ("idle",)),
    ("RSTFIX_LINGER", "idle=2s,,total", ("idle",)),
    ("RSTFIX_EXIT", "tomorrow", ("1m",)),
    ("RSTFIX_EXIT", "-1s", ("1m",)),
    ("RSTFIX_FOLLOW", "2", ("0 or 1",)),
    ("RSTFIX_WATCH", "maybe", ("0 or 1",)),
    ("RSTFIX_STATS", "here", ("directory",)),
    ("RSTFIX_STATS", "/nonexistent/folder", ("tmpfs", "does not exist")),
    ("RSTFIX_STATS", "/proc/", ("not on tmpfs", "ext4")),
    ("RSTFIX_MOED", "fix", ("RSTFIX_",)),
    ("RSTFIX_", "1", ("RSTFIX_",)),
    ("RSTFIX_MODE", "\x1b[31mred\nRSTFIX: two lines", ("audit", "fix", "off")),
]
PROGRAMS = [("/bin/echo", "hello"), (PYTHON, "-c", "print('hello'); raise SystemExit(3)")]


def complaint(text, name, value, allowed):
    """What is wrong with the one line that a wrong value should cost, or None."""
    lines = text.splitlines()
    if len(lines) != 1:
        return f"{len(lines)} lines: {text[:500]!r}"
    words = (name, *allowed) if "\n" in value else (name, value, *allowed)
    missing = [word for word in words if word not in text]
    if missing:
        return f"the line does not say {missing}: {text!r}"
    if not text.isascii() or not text[:-1].isprintable():
        return f"the line is not fit for a terminal: {text!r}"
    return None


@scenario(Works(), modes=SHIM)
def a_wrong_value_costs_one_line_and_no_program(run):
    wrong = []
    for name, value, allowed in WRONG:
        for argv in PROGRAMS:
            env = {"RSTFIX_LOG": "stderr", "RSTFIX_FORMAT": "text", name: value}
            plain = run.run(*argv, shim=False)
            program = run.run(*argv, env=env)
            if (program.out, program.process.returncode) != (plain.out, plain.process.returncode):
                wrong.append(f"{name}={value!r} changes {argv[0]}: {program.out!r}, "
                             f"exit status {program.process.returncode}")
            bad = complaint(program.err, name, value, allowed)
            if bad:
                wrong.append(f"{name}={value!r}: {bad}")
    assert not wrong, "\n".join(wrong)


@scenario(Works(), modes=SHIM)
def a_wrong_value_is_told_in_the_log_file_where_there_is_one(run):
    program = run.run("/bin/echo", "hello", env={"RSTFIX_FORMAT": "text", "RSTFIX_RATE": "fast",
                                                 "RSTFIX_LOG": run.path("text.log")})
    assert (program.out, program.err) == ("hello\n", ""), f"{program.out!r} {program.err!r}"
    text = read(run.path("text.log"))
    bad = complaint(text, "RSTFIX_RATE", "fast", ("0 to",))
    assert not bad, bad


@scenario(Works(), modes=SHIM)
def a_right_environment_costs_not_one_byte(run):
    for value in ("stderr", "none", run.path("silent.log")):
        program = run.run("/bin/echo", "hello", env={"RSTFIX_LOG": value})
        assert (program.out, program.err) == ("hello\n", ""), f"{program.out!r} {program.err!r}"
    assert read(run.path("silent.log")) == "", "a process without events wrote something"


@scenario(Resets("unread-close", role="server", mended=False), modes=SHIM)
def a_mistake_in_the_mode_mends_nothing(run):
    run.serve(PYTHON, script("upload_limit.py"), run.host, run.port, 4 << 20,
              env={"RSTFIX_MODE": "fixx"})
    return peers.post(run.host, run.port, 32 << 20, 4 << 20)
