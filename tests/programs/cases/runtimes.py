# SPDX-License-Identifier: MIT
"""Runtimes with doors of their own to the kernel: libuv by syscall(SYS_close), Java by dup2."""

from harness import peers
from harness.run import script
from harness.scenario import Resets, scenario

LINE, REST = 6, 300_000


def client(run, *argv):
    server = peers.Answerer(run, expected=LINE + REST)
    server.start()
    program = run.run(*argv, run.host, server.port, REST)
    assert program.process.returncode == 0, f"{argv[0]} failed: {program.err[-1000:]}"
    return server.result()


@scenario(Resets("unread-close", role="client", module="node", unread=2000), needs=("node",))
def a_node_client_that_destroys_a_socket_with_unread_data(run):
    return client(run, "node", script("destroy_unread.js"))


@scenario(Resets("unread-close", ops=("dup2", "close"), role="client", module="libn",
                 unread=2000),
          needs=("java",))
def a_java_client_that_closes_a_socket_with_unread_data(run):
    return client(run, "java", script("CloseUnread.java"), "socket")


@scenario(Resets("unread-close", ops=("dup2", "close"), role="client", module="libn",
                 unread=2000),
          needs=("java",), quick=False)
def a_java_client_that_closes_a_channel_with_unread_data(run):
    return client(run, "java", script("CloseUnread.java"), "channel")
