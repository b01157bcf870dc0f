# SPDX-License-Identifier: MIT
"""Helper programs that do what a preloaded library easily gets wrong, and what they print bare."""

# What use_up() of victim.h prints of a connection that nobody has touched.
WHOLE = "reads: 11\nsends: 6\nthe peer reads: 6\nreads: 0\n"


def judge(program, expected):
    """Holds a program against what it prints bare. Its exit status is 0."""
    status, said = program.process.returncode, program.out
    assert (status, said) == (0, expected), (
        f"exit status {status}, it printed {said!r} and not {expected!r}; {program.err[-500:]}")


def attack(run, helper, *args, expected, **options):
    program = run.run(run.victim(f"attack_{helper}"), *args, **options)
    judge(program, expected)
    return program


def of_pattern(run, pattern):
    told, _ = run.events()
    return [event for event in told if event.get("pattern") == pattern]
