# SPDX-License-Identifier: MIT
"""Who is watched: RSTFIX_FOLLOW and RSTFIX_PROGRAMS hold whatever environment a program hands over,
and the executed program sees the one that was made for it."""

from harness.scenario import Works, scenario

SHIM = ("audit", "fix")
DOORS = ("execve", "syscall", "execv", "execvp", "execvpe", "execl", "execlp", "execle", "fexecve",
         "execveat", "posix_spawn", "posix_spawnp", "system", "popen", "wordexp")
REPLACING = DOORS[:10]
BUILT = ("built", "nothing", "null", "stripped", "other", "set", "many")


def sights(run, doors, environments, *frame, **env):
    """{(door, environment): what the executed program says} under the shim; what it sees, and what
    it returns, must be what it sees without."""
    said, wrong = {}, []
    for door in doors:
        for kind in environments:
            argv = (run.victim("executes"), door, kind, *frame)
            plain, program = run.run(*argv, shim=False), run.run(*argv, env=env)
            seen = (program.process.returncode, keep(program.out))
            if seen != (plain.process.returncode, keep(plain.out)):
                wrong.append(f"{door}, {kind}: {seen} and not "
                             f"{(plain.process.returncode, keep(plain.out))}; {program.err!r}")
            elif seen[0] == 0:
                said[door, kind] = program.err
    assert not wrong, "\n".join(wrong)
    return said


def keep(text):
    """The sorted lines but for what the harness itself sets only for the shim."""
    return sorted(line for line in text.splitlines()
                  if not line.startswith(("RSTFIX_", "LD_PRELOAD")))


def judge(said, expected):
    wrong = [f"{door}, {kind}: {text!r}" for (door, kind), text in said.items() if text != expected]
    assert not wrong, f"not {expected!r}: " + "\n".join(wrong)


@scenario(Works(), modes=SHIM)
def an_environment_that_the_program_built_does_not_lose_the_shim(run):
    judge(sights(run, DOORS, BUILT), "shim: yes\n")


@scenario(Works(), modes=SHIM)
def an_environment_handed_on_whole_keeps_the_shim(run):
    judge(sights(run, DOORS, ["same"]), "shim: yes\n")


@scenario(Works(), modes=SHIM)
def a_preload_set_to_nothing_is_a_refusal(run):
    judge(sights(run, DOORS, ["refused"]), "shim: no\n")


@scenario(Works(), modes=SHIM)
def without_follow_no_environment_brings_the_shim_along(run):
    judge(sights(run, DOORS, ("same", "built"), RSTFIX_FOLLOW="0"), "shim: no\n")
    preload = f"LD_PRELOAD={run.settings.library} GIVEN=1"
    program = run.run("/bin/sh", "-c", f"{preload} exec {run.victim('executes')} tell",
                      env={"RSTFIX_FOLLOW": "0"})
    assert program.err == "shim: no\n", f"{program.err!r}"


@scenario(Works(), modes=SHIM)
def a_vfork_child_executes_as_its_parent_would(run):
    judge(sights(run, REPLACING, ("same", "built", "many"), "vfork"), "shim: yes\n")


@scenario(Works(), modes=SHIM)
def a_program_that_is_not_to_be_watched_hands_the_shim_on(run):
    judge(sights(run, DOORS, ("built", "nothing"), RSTFIX_PROGRAMS="other"), "shim: yes\n")


@scenario(Works())
def a_wild_environment_is_efault(run):
    program = run.run(run.victim("executes"), "wild", "same")
    assert program.out == "execve: EFAULT\n", f"{program.out!r}"
