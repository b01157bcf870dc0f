# SPDX-License-Identifier: MIT
"""A program that runs out of descriptors does not run out of them earlier because of the shim."""

from harness.scenario import Works, scenario

FREE = 60  # of 64: three standard ones, and the peer of the one connection
PAIRS = ("socketpair", "pipe", "pipe2", "syscall_pipe2")


@scenario(Works())
def every_call_that_makes_descriptors_makes_as_many_as_without_the_shim(run):
    program = run.run(run.victim("makers"))
    assert program.process.returncode == 0, program.err[-500:]
    made = dict(line.split(": ") for line in program.out.splitlines())
    wrong = {name: count for name, count in made.items()
             if int(count) != (FREE // 2 if name in PAIRS else FREE)}
    assert len(made) > 30 and not wrong and not program.err, f"{wrong} {program.err[-500:]}"
    if not run.bare:
        told = [event for event in run.events()[0] if event.get("pattern") == "unread-close"]
        assert len({event["pid"] for event in told}) == len(made), "not every close was told of"
