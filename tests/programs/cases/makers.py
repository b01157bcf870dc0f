# SPDX-License-Identifier: MIT
"""A program that runs out of descriptors does not run out of them earlier because of the shim, and a
mended close there does not wait."""

from harness.scenario import Works, scenario

FREE = 58  # of 64: three standard ones, and both connections but for the end that is closed
PAIRS = ("socketpair", "pipe", "pipe2", "syscall_pipe2")


@scenario(Works(), root=True)
def every_call_that_makes_descriptors_makes_as_many_as_without_the_shim(run):
    program = run.run(run.victim("makers"))
    assert program.process.returncode == 0, program.err[-500:]
    made = dict(line.split(": ") for line in program.out.splitlines())
    wrong = {name: said for name, said in made.items()
             if said != str(FREE // 2 if name in PAIRS else FREE - 2 * name.endswith("msg"))}
    assert len(made) > 30 and not wrong, f"{wrong} {program.err[-500:]}"
    if not run.bare:
        told = [event for event in run.events()[0] if event.get("pattern") == "unread-close"]
        assert len({event["pid"] for event in told}) == len(made), "not every close was told of"
