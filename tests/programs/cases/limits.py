# SPDX-License-Identifier: MIT
"""A program under limits, or with a log that takes nothing, behaves as it does without the shim."""

import os
import resource

from harness.attack import attack
from harness.scenario import Works, scenario


def limited(run, which, value, **env):
    def limit():
        _, hard = resource.getrlimit(which)
        resource.setrlimit(which, (value, hard))

    reader, writer = os.pipe()  # not a file: the file size limit is the program's own as well
    program = run.run(run.victim("resets"), 20, env=env, preexec_fn=limit, stdout=writer)
    os.close(writer)
    with os.fdopen(reader) as output:
        said = output.read()
    status = program.process.returncode
    assert (status, said) == (0, "done 20\n"), f"exit status {status}, it printed {said!r}"


@scenario(Works())
def a_file_size_limit_of_zero_kills_nobody(run):
    limited(run, resource.RLIMIT_FSIZE, 0)


@scenario(Works())
def a_file_size_limit_reached_later_kills_nobody(run):
    env = {} if run.bare else {"RSTFIX_LOG": run.path("cut.json")}  # its last line may be cut short
    limited(run, resource.RLIMIT_FSIZE, 2000, **env)


@scenario(Works())
def a_small_limit_on_open_files_stops_nobody(run):
    limited(run, resource.RLIMIT_NOFILE, 16)


@scenario(Works())
def a_log_on_a_full_disk_harms_nobody(run):
    limited(run, resource.RLIMIT_CORE, 0, **({} if run.bare else {"RSTFIX_LOG": "/dev/full"}))


@scenario(Works())
def an_exec_that_fails_waits_for_nothing_that_lingers(run):
    run.traced = False  # both ends go with the process: what the kernel sends then comes after the count
    attack(run, "limits", "exec-fails", expected="exec: ENOENT\nat once\n")


@scenario(Works())
def descriptors_that_ran_out_beside_a_child_delay_no_close(run):
    attack(run, "limits", "child", expected="dup: EMFILE\nclosed at once\n")


@scenario(Works(), root=True)
def a_limit_on_processes_by_syscall_delays_no_close(run):
    for call in ("setrlimit", "prlimit"):
        attack(run, "limits", "forks", call, expected=f"{call}: 0\nsetuid: 0\nclosed at once\n")
