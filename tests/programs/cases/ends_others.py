# SPDX-License-Identifier: MIT
"""As ends.py, where other processes and other people's programs have to do with it."""

import socket

from harness.attack import WHOLE, attack
from harness.ends import AT_EXEC, AT_EXIT, LARGE, LINE, end, single
from harness.peers import Answerer, drain
from harness.run import PYTHON
from harness.scenario import Clean, Resets, Works, scenario


# --- processes ---

@scenario(Clean())
def children_that_end_while_the_parent_goes_on(run):
    return end(run, "children", victim="ends_processes")[0]


EXEC_FAILS = """\
missing: ENOENT
searched: ENOENT
searched, empty: ENOENT
directory: EACCES
no format: ENOEXEC
no interpreter: ENOENT
no permission: EACCES
wild: EFAULT
wild arguments: EFAULT
by fd: EACCES
at: ENOENT
"""


@scenario(Clean())
def an_exec_that_fails_leaves_the_connection_as_it_was(run):
    transfer, program, _, _ = end(run, "exec-fails", victim="ends_processes")
    assert program.out == EXEC_FAILS, program.out
    return transfer


EXEC_FAILS_LATE = """\
script by fd: ENOENT
script in a folder: ENOENT
object: ENOEXEC
by an object: ENOEXEC
by a directory: EACCES
searched, by a directory: EACCES
too many interpreters: ELOOP
"""


@scenario(Clean())
def an_exec_that_the_kernel_refuses_late_leaves_the_connection_as_it_was(run):
    transfer, program, _, _ = end(run, "exec-fails-late", victim="ends_processes")
    assert program.out == EXEC_FAILS_LATE, program.out
    return transfer


UNFIT = """\
headers beyond the end: ENOEXEC
the last one beyond the end: ENOEXEC
no headers: ENOEXEC
too many headers: ENOEXEC
headers of another size: ENOEXEC
headers at no place: ENOEXEC
a name without an end: ENOEXEC
a name of one byte: ENOEXEC
a name of 5000 bytes: ENOEXEC
a name beyond the end: EIO
no interpreter: ENOENT
a short interpreter: EIO
an interpreter of another format: ELIBBAD
an interpreter without headers: ELIBBAD
an interpreter of another machine: ELIBBAD
an interpreter that is not executable: EACCES
"""


@scenario(Clean())
def a_program_that_the_kernel_finds_unfit_is_not_executed(run):
    attack(run, "formats", expected=UNFIT + WHOLE)


@scenario(AT_EXEC)
def an_exec_of_a_script_whose_interpreters_are_scripts(run):
    transfer = end(run, "exec-chain", victim="ends_processes")[0]
    single(run)
    return transfer


@scenario(AT_EXEC)
def an_exec_of_a_script_out_of_PATH(run):
    transfer = end(run, "exec-script", victim="ends_processes")[0]
    single(run)
    return transfer


# --- programs of others ---

PYTHON_ENDS = """
import os, socket, sys
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
peer.sendall(b"?\\n")
peer.recv(1, socket.MSG_PEEK)
peer.sendall(bytes(4 << 20))
os._exit(0)
"""

NODE_ENDS = """
const peer = require("net").connect(process.argv[2], process.argv[1]);
peer.pause();
peer.write("?\\n");
setTimeout(() => peer.write(Buffer.alloc(2 << 20), () => process.exit(0)), 200);
"""


def end_interpreter(run, size, *argv):
    peer = Answerer(run, answer=1, busy=0.5, expected=size + LINE)
    peer.start()
    program = run.run(*argv, run.host, peer.port)
    assert program.process.returncode == 0, program.err[-300:]
    return peer.result()


@scenario(AT_EXIT)
def python_that_ends_by_os__exit(run):
    return end_interpreter(run, LARGE, PYTHON, "-c", PYTHON_ENDS)


@scenario(Resets("unread-close", ops=("exit",), role="client", module="node", unread=1,
                 loses=False), needs=("node",))
def node_that_ends_by_process_exit(run):
    return end_interpreter(run, 2 << 20, "node", "-e", NODE_ENDS)


# --- what came from another program ---

def connect(run):
    with socket.create_server((run.host, 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        return client, listener.accept()[0]


def serve_standard_input(run, held, service="print('answer')"):
    """A service that answers without reading, as inetd starts one: what its client got."""
    client, connection = connect(run)
    client.sendall(b"unread")
    program = run.start(PYTHON, "-c", service, stdin=connection.fileno(),
                        stdout=connection.fileno())
    if not held:
        connection.close()
    assert program.wait() == 0, program.err
    answer = connection.recv(6) if held else b""  # it is whole still, for whoever holds it
    before = run.rsts()
    connection.close()
    received, end, _ = drain(client)
    client.close()
    return answer, received, end, before


def told_at_exit(run):
    return [(event["pattern"], event["op"], event["outcome"])
            for event in run.events()[0] if event.get("event") == "rst"]


@scenario(Works())
def an_inherited_socket_is_told_at_the_exit_that_resets_it(run):
    _, received, _, rsts = serve_standard_input(run, held=False)
    assert rsts == 1, f"{rsts} RSTs, {received} bytes"
    outcome = "failed" if run.mode == "fix" else "reset"
    assert run.bare or told_at_exit(run) == [("unread-close", "exit", outcome)], told_at_exit(run)


@scenario(Works())
def an_inherited_socket_that_its_giver_still_holds_is_no_event_at_exit(run):
    answer, received, end, rsts = serve_standard_input(run, held=True)
    assert (answer, received, end, rsts) == (b"unread", 7, "FIN", 0), (answer, received, end, rsts)
    assert not told_at_exit(run), told_at_exit(run)


# --- ... in a folder without /proc ---

JAIL = "import os, socket, struct; os.mkdir('empty'); os.chroot('empty'); "
FILLS_AND_CLOSES = JAIL + """
s = socket.socket(fileno=0)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
try:
    while s.send(bytes(1 << 20), socket.MSG_DONTWAIT):
        pass
except BlockingIOError:
    pass
s.close()
os._exit(0)
"""


@scenario(Works())
def an_inherited_socket_is_told_at_the_exit_without_proc(run):
    _, received, _, rsts = serve_standard_input(run, False, JAIL + "print('answer')")
    assert rsts == 1, f"{rsts} RSTs, {received} bytes"
    outcome = "failed" if run.mode == "fix" else "reset"
    assert run.bare or told_at_exit(run) == [("unread-close", "exit", outcome)], told_at_exit(run)


@scenario(Works())
def a_full_socket_that_its_giver_still_holds_is_no_event_without_proc(run):
    client, connection = connect(run)
    with client, connection:
        program = run.run(PYTHON, "-c", FILLS_AND_CLOSES, stdin=connection.fileno())
        assert program.process.returncode == 0, program.err
        assert run.rsts() == 0, "it was not held"
        assert not told_at_exit(run), told_at_exit(run)


# --- what a child has had, which is gone ---

CHILD_HAD_IT = """
import os, socket, subprocess, sys
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
peer.recv(1, socket.MSG_PEEK)
subprocess.run(["echo", "from the child"], stdout=peer)
os._exit(0)
"""
SHELL = 'exec 4<>/dev/tcp/$0/$1; read -r line <&4; head -c 15 /dev/zero >&4; exit 0'


def after_a_child(run, *argv, event):
    """How a client ends whose child has written to its connection; it leaves the answer unread."""
    with socket.create_server((run.host, 0)) as listener:
        program = run.start(*[str(listener.getsockname()[1]) if arg == "PORT" else arg
                              for arg in argv])
        peer, _ = listener.accept()
    with peer:
        peer.sendall(b"a line\nunread" + bytes(1000))
        assert program.wait() == 0, program.err
        rsts = run.rsts()
    assert rsts == (1 if event else 0), f"{rsts} RSTs"
    outcome = "failed" if run.mode == "fix" else "reset"
    expected = [("unread-close", "exit", outcome)] if event and not run.bare else []
    assert told_at_exit(run) == expected, told_at_exit(run)


@scenario(Works())
def a_socket_that_a_child_has_had_is_told_at_the__exit_that_resets_it(run):
    after_a_child(run, PYTHON, "-c", CHILD_HAD_IT, run.host, "PORT", event=True)


@scenario(Works())
def a_socket_of_a_shells_is_told_at_the_exit_that_resets_it(run):
    after_a_child(run, "/bin/bash", "-c", SHELL, run.host, "PORT", event=True)


STILL_HELD = CHILD_HAD_IT.replace('subprocess.run(["echo", "from the child"]',
                                  'subprocess.Popen(["sleep", "20"]')


@scenario(Works())
def a_socket_that_a_child_still_has_is_no_event_at_exit(run):
    run.traced = False  # it resets when it is killed
    after_a_child(run, PYTHON, "-c", STILL_HELD, run.host, "PORT", event=False)
