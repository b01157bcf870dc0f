# SPDX-License-Identifier: MIT
"""In mode fix the kernel learns later than the program that a reading side is shut. Whatever the
program can do to see that, it sees what it sees without the shim."""

from harness.attack import of_pattern
from harness.scenario import Works, scenario

READS = {"reads": "every_read_after_shutdown_returns_what_is_queued_and_then_0"}
SHUTDOWNS = {
    "one-side": "after_SHUT_RD_alone_the_program_reads_and_writes_on",
    "polls": "poll_and_select_tell_of_both_sides_being_shut",
    "epolls": "epoll_tells_the_edge_of_both_sides_being_shut_once",
    "receive-timeout": "a_receive_timeout_is_not_waited_for_after_shutdown",
    "writes": "a_write_after_shutdown_raises_SIGPIPE",
    "questions": "questions_after_shutdown_have_the_same_answers",
    "reconnects": "a_socket_that_was_shut_connects_again",
    "twice": "shutdown_again_returns_what_the_kernel_returns",
}
THREADS = {
    "threads": "shutdown_wakes_a_thread_that_reads_or_polls",
    "leaders": "a_stream_on_a_socket_that_is_shut_ends_though_the_first_thread_has_ended",
    "filter": "a_filter_on_a_socket_that_is_shut_goes_though_the_first_thread_has_ended",
    "filters": "a_program_sees_no_filter_but_its_own",
}
HOLDERS = {
    "handlers": "shutdown_in_a_signal_handler_ends_the_read_that_it_interrupts",
    "streams": "a_stream_on_a_socket_that_is_shut_ends",
    "children": "a_child_reads_the_end_of_a_socket_that_its_parent_has_shut",
    "executes": "an_executed_program_reads_the_end_of_a_socket_that_is_shut",
    "duplicates": "a_duplicate_of_a_socket_that_is_shut_reads_its_end",
    "travels": "a_socket_that_is_shut_and_sent_reads_its_end",
    "epoll-child": "a_child_in_an_epoll_of_its_parent_sees_the_end_of_what_is_shut_at_once",
    "epoll-execute": "a_child_in_an_epoll_of_an_earlier_program_sees_the_end_at_once",
}


def same_as_bare(helper, case, name):
    def compare(run):
        run.traced = False  # some of these reset their peers, with the shim and without
        victim = run.victim(helper)
        bare = run.run(victim, case, shim=False)
        program = run.run(victim, case)
        assert bare.process.returncode == 0, f"bare it ends with {bare.process.returncode}"
        assert (program.process.returncode, program.out) == (0, bare.out), (
            f"it ends with {program.process.returncode} and prints {program.out!r}, "
            f"not {bare.out!r}; {program.err[-300:]}")
    compare.__name__ = name
    scenario(Works())(compare)


for one in READS:
    same_as_bare("shutdown_reads", one, READS[one])
for one in SHUTDOWNS:
    same_as_bare("shutdowns", one, SHUTDOWNS[one])
for one in THREADS:
    same_as_bare("shutdown_threads", one, THREADS[one])
for one in HOLDERS:
    same_as_bare("shutdown_holders", one, HOLDERS[one])


def sends_on(run, policy, reset, outcome):
    run.traced = False
    program = run.run(run.victim("shutdowns"), "sends-on",
                      env={"RSTFIX_POLICY": policy} if policy else {})
    assert program.out == f"the peer was reset: {reset}\n", program.out
    told, _ = run.events()
    got = [(event["pattern"], event["op"], event["outcome"]) for event in told
           if event["event"] == "rst" and event["role"] == "server"]
    assert got[-1:] == [("shutdown-read", "close", outcome)], got


@scenario(Works(), modes=("audit",))
def data_after_both_sides_were_shut_is_named_by_audit(run):
    sends_on(run, "", 1, "reset")


@scenario(Works(), modes=("fix",))
def data_after_both_sides_were_shut_is_mended(run):
    sends_on(run, "", 0, "delivered")


@scenario(Works(), modes=("fix",))
def what_is_in_an_epoll_that_nobody_else_has_is_shut_and_mended(run):
    run.traced = False
    program = run.run(run.victim("shutdown_holders"), "epoll-own")
    assert program.out == "a child: 0\nsystem: 0\nthe peer was reset: 0\n", program.out


@scenario(Works(), modes=("fix",))
def a_rule_keeps_a_shutdown_as_it_is(run):
    sends_on(run, "shutdown-read -> log", 1, "reset")


@scenario(Works(), modes=("fix",))
def a_rule_on_the_close_undoes_what_the_shutdown_left(run):
    sends_on(run, "shutdown-read op=close -> log", 1, "reset")


@scenario(Works(), modes=("audit", "fix"))
def what_was_not_proven_is_counted_in_the_summary(run):
    run.traced = False
    run.run(run.victim("shutdowns"), "risks")
    told, _ = run.events()
    risks = [event.get("risks") for event in told if event["event"] == "summary"]
    assert risks == [{"shutdown-read": {"count": 3, "unacknowledged": 1}}], risks
    patterns = {event["pattern"] for event in told if event["event"] == "rst"}
    assert patterns == {"unread-close"}, patterns


@scenario(Works(), modes=("audit", "fix"))
def data_after_a_shutdown_is_named_by_whichever_duplicate_is_closed_last(run):
    run.traced = False
    program = run.run(run.victim("shutdown_duplicates"), "closed-last")
    assert program.out == "write: 1\n", program.out
    told, _ = run.events()
    got = [(event["pattern"], event["op"], event["outcome"]) for event in told
           if event["event"] == "rst"]
    assert got == [("shutdown-read", "close", "reset" if run.mode == "audit" else "failed")], got


@scenario(Works(), modes=("audit", "fix"))
def a_connection_after_a_shutdown_is_not_shut_for_a_duplicate_either(run):
    run.traced = False
    program = run.run(run.victim("shutdown_duplicates"), "connected-later")
    one = "connect: 0\nwrite: 1\nread: 1\nread: 0\n"
    assert program.out == one + "shutdown: ENOTCONN\n" + one, program.out
    assert not of_pattern(run, "shutdown-read"), of_pattern(run, "shutdown-read")
