# SPDX-License-Identifier: MIT
"""A listener that ends while clients wait in its accept queue, and connect() to AF_UNSPEC."""

import socket
from collections import Counter

from harness import peers
from harness.scenario import Clean, Resets, Works, scenario

CROWD = 20
TIMES = 3  # a dropped SYN comes again after a second
RULE = {"RSTFIX_POLICY": "listener-close -> fix"}


def crowd(run, how, count=CROWD, **options):
    """`listens HOW` with that many clients waiting: the program, and how each of them has ended."""
    if run.mode == "fix":  # of its addresses a listener has the local one
        options["env"] = {"RSTFIX_POLICY": f"listener-close port={run.port} -> fix"}
    program = run.serve(run.victim("listens"), how, run.host, run.port, count, **options)
    clients = [socket.create_connection((run.host, run.port), 20) for _ in range(count)]
    ends = []
    for client in clients:
        ends.append(peers.drain(client)[1])
        client.close()
    program.wait()
    assert program.process.returncode == 0, program.err
    return program, Counter(ends)


def all_of(run, how, said):
    program, ends = crowd(run, how)
    assert program.out == said, program.out
    expected = {"FIN" if run.mode == "fix" else "ECONNRESET": CROWD}
    assert ends == expected, f"the clients ended with {dict(ends)}"
    if run.mode != "fix":
        # What a client had under way may be answered as well.
        assert CROWD <= run.rsts() <= CROWD + 3, f"{run.rsts()} RSTs for {CROWD} clients"
    told = listener_events(run)
    assert run.bare or [event["waiting"] for event in told] == [CROWD], told
    return peers.Transfer(0, 0, "FIN" if run.mode == "fix" else "ECONNRESET")


def listener_events(run):
    return [event for event in run.events()[0] if event.get("pattern") == "listener-close"]


@scenario(Resets("listener-close", module="listens", loses=False))
def twenty_clients_wait_at_a_listener_that_is_closed(run):
    return all_of(run, "close", "close: 0\n")


@scenario(Resets("listener-close", ops=("shutdown",), module="listens", loses=False))
def twenty_clients_wait_at_a_listener_that_is_shut_down(run):
    return all_of(run, "shutdown", "shutdown: 0\nclose: 0\n")


@scenario(Resets("listener-close", module="listens", loses=False))
def twenty_clients_wait_at_a_listener_that_threads_poll(run):
    return all_of(run, "polled", "close: 0\n")


@scenario(Works())
def a_blocking_listener_is_left_alone_where_another_thread_may_wait_at_it(run):
    program, ends = crowd(run, "blocking")
    assert program.out == "close: 0\n", program.out
    assert ends == {"ECONNRESET": CROWD}, f"the clients ended with {dict(ends)}"
    told = [(event["outcome"], event.get("why")) for event in listener_events(run)]
    expected = {"bare": [], "audit": [("reset", None)],
                "fix": [("failed", "another thread may be waiting in accept()")]}[run.mode]
    assert told == expected, told


@scenario(Works(), root=True)
def a_listener_whose_program_fails_to_execute_another_goes_on(run):
    program, ends = crowd(run, "exec")
    assert program.out == "execv: ENOEXEC\nfilter: 0\nclose: 0\n", program.out
    expected = {"FIN" if run.mode == "fix" else "ECONNRESET": CROWD}
    assert ends == expected, f"the clients ended with {dict(ends)}"


@scenario(Clean())
def a_pre_fork_server_closes_its_listener_and_its_children_serve(run):
    program, ends = crowd(run, "prefork")
    assert program.out == "close: 0\nchildren: 0\n", program.out
    return peers.Transfer(0, 0, "FIN" if ends == {"FIN": CROWD} else str(ends))


@scenario(Clean())
def a_listener_of_another_family_is_no_event(run):
    program = run.run(run.victim("listens"), "others", run.host, run.port, 0,
                      env={} if run.bare else RULE)
    assert program.out == "shutdown: 0\nclose: 0\nclient: 0\n", program.out


@scenario(Works())
def a_listener_is_closed_though_no_descriptor_is_free(run):
    program, ends = crowd(run, "emfile")
    assert program.out == "close: 0\ndescriptors: 1\n", program.out + program.err
    assert ends == {"ECONNRESET": CROWD}, f"the clients ended with {dict(ends)}"
    if run.mode == "fix":  # the log has given its descriptor to the program: only the end tells
        said = [site["outcomes"] for event in run.events()[0] if event["event"] == "summary"
                for site in event["callsites"] if site["pattern"] == "listener-close"]
        assert said == [{"failed": 1}], said


@scenario(Works(), modes=("fix",), root=True)
def of_clients_that_keep_coming_none_is_reset(run):
    for _ in range(TIMES):
        server = run.serve(run.victim("listens"), "close", run.host, run.port, 16, env=RULE)
        clients = run.run(run.victim("listens"), "clients", run.host, run.port, 32, shim=False)
        server.wait()
        assert clients.out == "failed: 0\nreset: 0\n", clients.out
        run.port += 1


@scenario(Works())
def a_socket_is_used_again_after_it_was_disconnected(run):
    listener = socket.create_server((run.host, run.port))
    program = run.run(run.victim("listens"), "reconnect", run.host, run.port, 4)
    assert program.out == "close: 0\n", program.out + program.err
    rsts = run.rsts()
    assert rsts == 3, f"{rsts} RSTs of 3 disconnects"
    ports = []
    for _ in range(4):
        conn, (_, port) = listener.accept()
        conn.close()
        ports.append(f"127.0.0.1:{port}")
    if run.bare:
        return
    told = [event for event in run.events()[0] if event.get("event") == "rst"]
    seen = [(event["pattern"], event["op"], event["role"], event["peer"], event["local"])
            for event in told]
    assert seen == [("disconnect", "connect", "client", f"{run.host}:{run.port}", local)
                    for local in ports[:3]], seen
