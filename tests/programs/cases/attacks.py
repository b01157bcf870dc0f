# SPDX-License-Identifier: MIT
"""Programs that do what a preloaded library easily gets wrong. Each must print, and end, exactly as
it does without the shim."""

import glob
import os
import resource
import tempfile
import time
from collections import Counter

from harness.attack import WHOLE, attack, judge, of_pattern
from harness.scenario import Clean, Resets, Skip, Works, scenario

SHIM = ("audit", "fix")
POINTERS = ("readv", "writev", "sendmsg", "sendmmsg", "recvmsg", "recvmmsg", "connect",
            "setsockopt", "setrlimit", "prlimit")
HOLDER = "the holder reads: 11\nthe holder sends: 1\n"
SITES = 3000


# --- pointers ---

@scenario(Works())
def a_pointer_that_leads_nowhere_is_efault(run):
    wrong = []
    for call in POINTERS:
        try:
            attack(run, "pointers", call, expected=f"{call}: EFAULT\n")
        except AssertionError as error:
            wrong.append(f"{call}: {error}")
    assert not wrong, "\n".join(wrong)


@scenario(Works())
def sendmsg_with_a_bad_pointer_to_its_control_data_is_efault(run):
    attack(run, "pointers", "sendmsg-control", expected="sendmsg: EFAULT\n")


@scenario(Works())
def sendmsg_with_a_control_message_longer_than_its_page_is_einval(run):
    attack(run, "pointers", "lying-control", expected="sendmsg: EINVAL\n")


@scenario(Works())
def sendmsg_with_a_control_message_beyond_its_page_is_efault(run):
    attack(run, "pointers", "half-control", expected="sendmsg: EFAULT\n")


@scenario(Works())
def sendmmsg_with_a_second_message_beyond_its_page_sends_the_first(run):
    attack(run, "pointers", "half-sendmmsg", expected="sendmmsg: 1\n")


@scenario(Works())
def accept_writes_no_more_of_an_address_than_was_asked_for(run):
    attack(run, "pointers", "accept", expected="length of the address: 16\n")


# --- other holders ---

@scenario(Works())
def a_duplicate_made_by_syscall_keeps_the_socket_whole(run):
    attack(run, "holders", "dup", expected=HOLDER)


@scenario(Works())
def a_duplicate_made_by_fcntl_as_a_syscall_keeps_the_socket_whole(run):
    attack(run, "holders", "fcntl", expected=HOLDER)


@scenario(Works())
def a_thread_with_a_descriptor_table_of_its_own_keeps_its_socket(run):
    attack(run, "holders", "unshare", expected=HOLDER)


@scenario(Works())
def a_socket_sent_by_syscall_stays_whole(run):
    attack(run, "holders", "rights", expected="sent: 1\n" + HOLDER)


@scenario(Works())
def a_socket_sent_over_a_number_that_freopen_left_stays_whole(run):
    attack(run, "holders", "freopen", expected="sent: 1\n" + HOLDER)


@scenario(Works())
def a_spawned_program_keeps_a_socket_that_an_ioctl_let_it_inherit(run):
    attack(run, "holders", "fionclex", expected=HOLDER)


@scenario(Works())
def a_spawned_program_keeps_a_socket_that_is_younger_than_its_file_actions(run):
    attack(run, "holders", "actions", expected=HOLDER)


@scenario(Works())
def dup2_in_a_vfork_child_leaves_the_number_of_its_parent_known(run):
    attack(run, "holders", "vfork", expected="close: 0\n")
    assert run.bare or of_pattern(run, "unread-close"), "the parent's close was not told"


# --- streams ---

@scenario(Works())
def fclose_tells_of_output_that_a_reset_peer_did_not_get(run):
    attack(run, "limits", "reset-peer", expected="fclose: ECONNRESET\n")


@scenario(Works())
def fclose_tells_of_output_that_a_full_socket_did_not_take(run):
    attack(run, "limits", "full", expected="fclose: EAGAIN\n")


# --- cancellation ---

@scenario(Works())
def a_cancelled_close_leaves_the_socket_to_the_cleanup_handler(run):
    attack(run, "threads", "close", expected="the cleanup handler sends: 3\ncancelled: 1\n")


@scenario(Works())
def close_by_syscall_is_no_cancellation_point(run):
    attack(run, "threads", "syscall", expected="cancelled: 0\n")


@scenario(Works())
def a_thread_cancelled_while_its_close_lingers_has_closed_it(run):
    attack(run, "threads", "while-closing", expected="still open: 0\n")


@scenario(Works())
def fcntl_by_syscall_is_no_cancellation_point(run):
    attack(run, "threads", "fcntl", expected="cancelled: 0\n")


@scenario(Works())
def events_reach_a_standard_error_whose_file_has_no_name_any_more(run):
    with tempfile.TemporaryFile() as error:
        env = {} if run.bare else {"RSTFIX_LOG": "stderr", "RSTFIX_FORMAT": "text"}
        run.run(run.victim("resets"), 3, env=env, stderr=error)
        error.seek(0)
        said = error.read().decode()
    assert run.bare or said.count("[unread-close, ") == 3, f"it said {said!r}"


@scenario(Resets("unread-close", role="server", loses=False))
def a_close_after_a_cancelled_system(run):
    attack(run, "threads", "system", expected="cancelled: 1\n")


# --- locks, signals, plugins ---

@scenario(Works())
def a_child_forked_under_the_lock_of_the_loader_closes_and_ends(run):
    attack(run, "threads", "fork", expected="the child ended with: 0\n")


@scenario(Works())
def a_close_on_a_small_signal_stack_writes_nothing_below_it(run):
    attack(run, "threads", "signal-stack", expected="bytes overwritten: 0\n")


@scenario(Works())
def a_plugin_at_the_address_of_an_unloaded_one_may_have_other_frames(run):
    program = run.run(run.victim("attack_plugins"), run.victim("libwide.so"),
                      run.victim("libnarrow.so"))
    if program.process.returncode == 0 and "another" in program.out:
        raise Skip("the second plugin was loaded at another address")
    judge(program, "same address\n")


# --- the log and its limits ---

@scenario(Works())
def a_file_size_limit_of_zero_and_events_told_on_a_file_kill_nobody(run):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    reader, writer = os.pipe()  # not a file: the limit is the program's own as well
    env = {} if run.bare else {"RSTFIX_LOG": "stderr"}
    program = run.run(run.victim("attack_sandbox"), "close", env=env, preexec_fn=limit,
                      stdout=writer)
    os.close(writer)
    with os.fdopen(reader) as output:
        said = output.read()
    status = program.process.returncode
    assert (status, said) == (0, "close: 0\nalive\n"), f"exit status {status}, {said!r}"


def judge_counts(run, seconds):
    told, _ = run.events()
    lines = Counter((event["pattern"], event["op"], event["stack_id"])
                    for event in told if event.get("event") == "rst")
    allowed = 10 * (seconds + 2)
    loud = {key: count for key, count in lines.items() if count > allowed}
    assert not loud, f"more than 10 lines a second in {seconds:.1f} s: {loud}"
    summaries = [event for event in told if event.get("event") == "summary"]  # one in several lines
    totals = {summary["events"] for summary in summaries}
    counted = sum(site["count"] for summary in summaries for site in summary["callsites"])
    assert totals == {counted} == {SITES}, f"{totals} events, {counted} at callsites, not {SITES}"


@scenario(Works())
def more_callsites_than_the_table_holds_are_counted_and_limited_all_the_same(run):
    started = time.monotonic()
    attack(run, "limits", "callsites", SITES, expected=f"closed: {SITES}\n")
    if not run.bare:
        judge_counts(run, time.monotonic() - started)


@scenario(Works(), modes=SHIM)
def a_program_named_by_control_characters_leaves_a_log_of_valid_json(run):
    run.run("\x01" * 63, executable="/bin/true", env={"RSTFIX_MODE": "\x01" * 400})
    run.run("\x01" * 63, 20, executable=run.victim("resets"))
    told, wrong = run.events()
    assert not wrong, "\n".join(wrong)
    kinds = {event["event"] for event in told}
    assert kinds >= {"notice", "rst", "summary"}, f"only {kinds}"


@scenario(Works())
def errno_is_zero_when_main_begins(run):
    for env in ({}, {"RSTFIX_LOG": "stderr"}, {"RSTFIX_LOG": run.path("fresh.json")},
                {"RSTFIX_STATS": run.folder}):
        attack(run, "limits", "errno", expected="errno: 0\n", env={} if run.bare else env)


# --- sandboxes ---

@scenario(Works())
def a_filter_on_all_threads_spares_one_that_lingers_in_close(run):
    attack(run, "sandbox", "all-threads", expected="seccomp: 0\nalive\n")


def under_filter(run, *before, how="inherited", says="close: 0\nalive\n"):
    def allow_cores():
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    program = run.run(*before, "env", *(f"{key}={value}" for key, value in run.shim_env().items()),
                      run.victim("attack_sandbox"), how, shim=False,
                      preexec_fn=allow_cores)
    judge(program, says)
    cores = glob.glob(run.path("core*"))
    assert not cores, f"it left {cores}"


@scenario(Works())
def an_inherited_filter_that_kills_getsockopt_kills_nobody(run):
    under_filter(run)


@scenario(Works())
def a_filter_that_kills_for_any_one_system_call_kills_nobody(run):
    run.traced = False  # a filter that kills before the socket is closed
    env = run.shim_env()
    judge(run.run(run.victim("attack_sandbox"), "every", *filter(None, [env.pop("LD_PRELOAD", "")]),
                  env=env, shim=False), "alive\n")


@scenario(Works())
def an_inherited_filter_that_kills_execveat_lets_it_execute(run):
    under_filter(run, how="inherited-execveat", says="alive\n")
    told = [event["op"] for event in run.events()[0] if event.get("event") == "rst"]
    assert run.bare or told == ["exec"], told


@scenario(Clean())
def an_inherited_filter_that_denies_execve_lets_nothing_be_executed(run):
    under_filter(run, how="inherited-execve",
                 says="execv: EPERM\nexecvp: EPERM\nsyscall: EPERM\n" + WHOLE)


@scenario(Resets("unread-close", role="server", loses=False))
def a_program_that_asks_what_seccomp_knows_is_watched_on(run):
    attack(run, "sandbox", "ask",
           expected="prctl: EFAULT\nprctl: EFAULT\nprctl: EINVAL\nseccomp: EFAULT\n")
    told = {event.get("code") for event in run.events()[0]}
    assert "sandbox" not in told, told


@scenario(Works(), needs=("unshare", "mount"))
def an_inherited_filter_that_kills_getsockopt_kills_nobody_without_proc(run):
    under_filter(run, "unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh")
