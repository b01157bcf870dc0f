# SPDX-License-Identifier: MIT
"""SO_LINGER {1,0}: by configuration, where mending saves data, and on purpose, where it stays."""

import socket
import threading

from harness import namespace, peers
from harness.run import PYTHON, script
from harness.scenario import Resets, scenario

QUEUED = 2 << 20  # fits the send buffer of lo, so that sendall returns and close finds it queued
TIMES = 20


@scenario(Resets("linger-zero", role="server", module="python", intent="config"))
def a_server_with_linger_zero_on_its_listener_and_megabytes_queued(run):
    run.serve(PYTHON, script("linger_server.py"), run.host, run.port, QUEUED)
    with socket.create_connection((run.host, run.port), 20) as sock:
        sock.sendall(b"request\n")
        peers.wait_hangup(sock, 0.6)
        received, end, _ = peers.drain(sock)
    return peers.Transfer(QUEUED, received, end)


def answer_times(listener):
    """Answers every client and then waits for its end, the way it comes."""
    listener.settimeout(20)
    for _ in range(TIMES):
        conn, _ = listener.accept()
        with conn:
            conn.settimeout(10)
            conn.recv(6, socket.MSG_WAITALL)
            conn.sendall(bytes(100))
            peers.drain(conn)


def linger_client(run, when):
    listener = socket.create_server((run.host, run.port))
    server = threading.Thread(target=answer_times, args=(listener,), daemon=True)
    server.start()
    program = run.run(PYTHON, script("linger_client.py"), when, run.host, run.port, TIMES)
    server.join(20)
    assert program.process.returncode == 0, program.err
    rsts = run.rsts()
    assert rsts == TIMES, f"{rsts} RSTs of {TIMES} connections: a deliberate abort was changed"
    waiting = namespace.sockets(namespace.TIME_WAIT)
    assert not waiting, f"{len(waiting)} sockets in TIME_WAIT, none bare"
    if not run.bare:
        told, _ = run.events()
        count = sum(event.get("count", 1) for event in told if event.get("event") == "rst")
        assert count >= 10, f"{count} events of {TIMES} closes"


@scenario(Resets("linger-zero", role="client", module="python", loses=False, mended=False,
                 intent="abort"))
def a_client_that_aborts_on_purpose_with_linger_zero(run):
    linger_client(run, "abort")


@scenario(Resets("linger-zero", role="client", module="python", loses=False, mended=False,
                 intent="config"))
def a_client_with_linger_zero_from_the_start_and_everything_acknowledged(run):
    linger_client(run, "config")


# --- set by another process ---

BY_ANOTHER = Resets("linger-zero", role="server", module="arms", loses=False, mended=False,
                    intent="unknown")
ON_THE_LISTENER = Resets("linger-zero", role="server", module="arms", loses=False, intent="config")


def armed_by_another(run, how):
    program = run.run(run.victim("arms"), how)
    mended = run.mode == "fix" and how in ("listener", "executed")
    says = f"close: 0\nthe peer reads: {0 if mended else 'ECONNRESET'}\n"
    assert (program.process.returncode, program.out) == (0, says), (program.out, program.err)


@scenario(BY_ANOTHER)
def a_child_sets_linger_zero_on_what_its_parent_closes(run):
    armed_by_another(run, "child")


@scenario(BY_ANOTHER)
def linger_zero_set_by_a_process_that_was_sent_the_connection(run):
    armed_by_another(run, "sent")


@scenario(ON_THE_LISTENER)
def a_child_sets_linger_zero_on_its_parents_listener(run):
    armed_by_another(run, "listener")


@scenario(ON_THE_LISTENER)
def a_program_that_was_spawned_sets_linger_zero_on_the_listener(run):
    armed_by_another(run, "executed")
