# SPDX-License-Identifier: MIT
"""Rules in real programs: who is mended, told, ignored, stopped; and that mistakes enforce nothing."""

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

from harness import namespace, peers
from harness.run import PROGRAMS, PYTHON, read, script
from harness.scenario import Resets, Works, scenario

sys.path.insert(0, os.path.join(os.path.dirname(PROGRAMS), "policy"))

import rulegrammar  # noqa: E402

SHIM = ("audit", "fix")
UPLOAD, ANSWER = 8 << 20, 2 << 20
MUTANTS = 200
SIZE = 500_000


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def told_by(run, key="port"):
    """The events by local port."""
    events, _ = run.events()
    found = {}
    for event in events:
        if event.get("event") == "rst":
            found.setdefault(int(event["local"].rsplit(":", 1)[1]), []).append(event)
    return found


# --- one process, four listeners, four rules ---

def four_rules(run):
    fix, log, ignore, abort = range(run.port, run.port + 4)
    return run.path("four.rules", f"""\
# each port has its own
unread-close port={fix}            -> fix idle=3s
unread-close role=server port={log} -> log
* port={ignore}-{ignore}           -> ignore ; unread-close peer=127.0.0.0/8 port={abort} -> abort
*                                  -> trap
""")


def visit(run, port):
    """What the client of that port got, and how many RSTs it took."""
    before = namespace.out_rsts()
    transfer = peers.post(run.host, port, UPLOAD, ANSWER)
    run.rsts()  # waits for what is under way
    return transfer, namespace.out_rsts() - before


def judge_visit(run, number, transfer, rsts, events):
    mended = run.mode == "fix" and number == 0
    wrong = []
    if mended != (rsts == 0):
        wrong.append(f"{rsts} RSTs")
    whole = (transfer.received, transfer.end) == (ANSWER, "FIN")
    if mended != whole:
        wrong.append(str(transfer))
    if run.bare:
        return wrong
    actions = [(event["action"], event["outcome"]) for event in events
               if event["outcome"] != "lingering"]
    expected = [[("fix", "averted" if mended else "reset")], [("log", "reset")], [],
                [("abort", "reset")]][number]
    if actions != expected:
        wrong.append(f"the events are {actions}")
    for event in events:
        line = (2, 3, 4, 4)[number]
        if not event["rule"].startswith(f"{run.folder}/four.rules:{line}:"):
            wrong.append(f"the rule is {event['rule']}")
    return wrong


@scenario(Works())
def four_listeners_of_one_process_have_a_rule_each(run):
    env = {} if run.bare else {"RSTFIX_POLICY_FILE": four_rules(run)}
    server = run.serve(PYTHON, script("four_listeners.py"), run.host, run.port, ANSWER, env=env,
                       port=run.port + 3, preexec_fn=no_core)
    wrong, visits = [], [visit(run, run.port + number) for number in range(4)]
    if run.mode == "fix":
        assert server.wait(5) == -signal.SIGABRT, "the fourth rule did not abort the server"
    else:
        assert server.process.poll() is None, "the server was stopped"
    told = told_by(run)
    for number, (transfer, rsts) in enumerate(visits):
        wrong += [f"port {number}: {text}" for text in
                  judge_visit(run, number, transfer, rsts, told.get(run.port + number, []))]
    assert not wrong, "\n".join(wrong)


# --- actions ---

def resets_under(run, policy, **env):
    return run.run(run.victim("resets"), 1, env={"RSTFIX_POLICY": policy, **env},
                   preexec_fn=no_core)


@scenario(Works(), modes=SHIM)
def trap_and_abort_stop_the_program_in_fix_and_never_in_audit(run):
    for action, number in (("trap", signal.SIGTRAP), ("abort", signal.SIGABRT)):
        program = resets_under(run, f"unread-close callsite=resets!* -> {action}")
        status = program.process.returncode
        assert status == (-number if run.mode == "fix" else 0), f"{action}: exit status {status}"
    events, _ = run.events()
    told = [(event["action"], event["outcome"]) for event in events if event["event"] == "rst"]
    assert told == [("trap", "reset"), ("abort", "reset")], f"{told}"


@scenario(Works(), modes=SHIM)
def what_stops_the_program_is_told_whatever_the_rate_says(run):
    program = run.run(run.victim("resets"), env={"RSTFIX_POLICY": "* -> abort rate=0"},
                      preexec_fn=no_core)
    assert program.process.returncode == (-signal.SIGABRT if run.mode == "fix" else 0)
    told = [event["action"] for events in told_by(run).values() for event in events]
    assert run.mode == "audit" or told == ["abort"], f"{told}"


@scenario(Works(), modes=("fix",))
def a_rule_that_asks_for_an_unknown_stack_keeps_the_later_ones_from_stopping(run):
    rules = "* callsite=resets -> ignore; * -> abort"
    program = run.run(run.victim("resets"), preexec_fn=no_core,
                      env={"RSTFIX_POLICY": rules, "RSTFIX_BACKTRACE": "0"})
    assert program.process.returncode == 0, f"{program.process.returncode}, {program.err}"
    told = [event["action"] for events in told_by(run).values() for event in events]
    assert told == ["log"], f"{told}"


@scenario(Works(), modes=SHIM)
def a_blocked_or_ignored_signal_does_not_hold_trap_and_abort_up(run):
    argv = (PYTHON, "-c", "import os, signal, sys\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTRAP, signal.SIGABRT})\n"
            "signal.signal(signal.SIGABRT, signal.SIG_IGN)\n"
            "os.execv(sys.argv[1], sys.argv[1:])", run.victim("resets"))
    for action, number in (("trap", signal.SIGTRAP), ("abort", signal.SIGABRT)):
        program = run.run(*argv, env={"RSTFIX_POLICY": f"* -> {action}"}, preexec_fn=no_core)
        status = program.process.returncode
        assert status == (-number if run.mode == "fix" else 0), f"{action}: exit status {status}"


@scenario(Works(), modes=SHIM)
def what_is_ignored_leaves_no_word(run):
    program = resets_under(run, "unread-close -> ignore")
    assert program.process.returncode == 0 and run.rsts() == 1
    assert read(run.log) == "", f"{read(run.log)!r}"


@scenario(Works(), modes=SHIM)
def a_rule_s_rate_takes_the_place_of_the_general_one(run):
    run.run(run.victim("resets"), 20, env={"RSTFIX_POLICY": "unread-close -> log rate=2"})
    events, _ = run.events()
    full = [event for event in events if event["event"] == "rst"]
    assert 2 <= len(full) <= 4, f"{len(full)} full events of 20, at 2 a second"


@scenario(Resets("linger-zero", role="client", module="python", loses=False, intent="abort"),
          modes=SHIM)
def a_rule_may_mend_what_was_aborted_on_purpose(run):
    listener = socket.create_server((run.host, run.port))
    server = threading.Thread(target=answer_once, args=(listener,), daemon=True)
    server.start()
    run.run(PYTHON, script("linger_client.py"), "abort", run.host, run.port, 1,
            env={"RSTFIX_POLICY": "linger-zero intent=abort -> fix"} if run.mode == "fix" else {})
    server.join(20)


def answer_once(listener):
    conn, _ = listener.accept()
    with conn:
        conn.settimeout(10)
        conn.recv(6, socket.MSG_WAITALL)
        conn.sendall(bytes(100))
        peers.drain(conn)


@scenario(Works(), modes=("fix",))
def what_a_rule_asks_and_nobody_can_do_is_told(run):
    policy = {"RSTFIX_POLICY": "* -> fix"}
    program = run.run(PYTHON, script("two_names.py"), run.host, env=policy)
    assert program.out == "unread\n", f"the duplicate reads {program.out!r}: {program.err}"
    closed = socket.create_server((run.host, 0))
    where = closed.getsockname()
    closed.close()
    run.run(PYTHON, "-c", f"import socket\ntry: socket.create_connection({where!r})\n"
            "except OSError: pass", env=policy)
    events, _ = run.events()
    told = [(event["pattern"], event["action"], event["outcome"], event.get("why"))
            for event in events if event["event"] == "rst"]
    assert told == [("connect-refused", "fix", "seen", "this pattern has no mend")], f"{told}"


# --- mistakes ---

def broken_policies(run):
    """Policies that do not parse, as `rstfix policy check` has it."""
    found = []
    for text in rulegrammar.mutants(5):
        path = run.path(f"broken-{len(found)}", text)
        checked = subprocess.run([run.settings.rstfix, "policy", "check", path],
                                 capture_output=True, check=False)
        if checked.returncode == 2:
            found.append((text, path))
        if len(found) == MUTANTS:
            return found


def judge_broken(run, number, text, path):
    """Half of them are in the variable, half in a file."""
    source = path if number % 2 else "RSTFIX_POLICY"
    log = run.path(f"broken-{number}.log")
    program = run.run(run.victim("resets"), 1, env={
        "RSTFIX_LOG": log, "RSTFIX_FORMAT": "json", "RSTFIX_POLICY": "" if number % 2 else text,
        "RSTFIX_POLICY_FILE": path if number % 2 else ""})
    if (program.process.returncode, program.out) != (0, "done 1\n"):
        return [f"{text!r} changes the program: {program.process.returncode}, {program.out!r}"]
    said = read(log)
    place = re.search(re.escape(source) + r":(\d+):(\d+): ", said)
    wrong = []
    if not place or "the mode is audit" not in said or int(place[1]) > text.count("\n") + 1:
        wrong.append(f"{text!r} is not complained about: {said[:500]!r}")
    if '"action":"log","outcome":"reset"' not in said or '"rule":null' not in said:
        wrong.append(f"{text!r} is in force: {said[-1500:]}")
    return wrong


@scenario(Works(), modes=SHIM)
def two_hundred_policies_with_a_mistake_enforce_nothing(run):
    wrong = []
    for number, (text, path) in enumerate(broken_policies(run)):
        wrong += judge_broken(run, number, text, path)
    assert not wrong, f"{len(wrong)} wrong\n" + "\n".join(wrong[:10])
    rsts = run.rsts()
    assert rsts == MUTANTS, f"{rsts} RSTs by {MUTANTS} programs that reset once each"


@scenario(Works(), modes=SHIM)
def a_policy_that_cannot_be_read_enforces_nothing(run):
    fifo = run.path("fifo")
    os.mkfifo(fifo)
    large = run.path("large", "#" * (1 << 20) + "\n")
    for path in ("/nonexistent", fifo, run.folder, large, "/dev/null"):
        program = resets_under(run, "* -> abort", RSTFIX_POLICY_FILE=path,
                               RSTFIX_LOG=run.path("unread.log"))
        assert program.process.returncode == 0, f"{path}: {program.process.returncode}"
        assert f"{path}: " in read(run.path("unread.log")), read(run.path("unread.log"))


# --- who is watched ---

class Web(threading.Thread):
    """Answers whoever comes with SIZE bytes."""

    def __init__(self, run):
        super().__init__(daemon=True)
        self.listener = socket.create_server((run.host, run.port))

    def run(self):
        while True:
            conn, _ = self.listener.accept()
            threading.Thread(target=self.answer, args=(conn,), daemon=True).start()

    @staticmethod
    def answer(conn):
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n".encode()
        try:
            with conn:
                conn.recv(65536)
                conn.sendall(head + bytes(SIZE))
                peers.drain(conn)
        except OSError:
            pass


def watched(run, **env):
    """Which programs of the shell script were watched. How many events each has says no
    more: it depends on what has arrived when curl gives up, and on whether it lingers."""
    open(run.log, "w", encoding="ascii").close()
    program = run.run("/bin/bash", script("watched.bash"), run.host, run.port,
                      run.victim("resets"), env=env)
    assert program.process.returncode == 0, program.err
    events, _ = run.events()
    found = [event["program"] for event in events if event["event"] == "rst"]
    return set(found)


@scenario(Works(), modes=SHIM, needs=("curl", "bash"))
def of_a_shell_script_only_what_should_be_watched_is_watched(run):
    Web(run).start()
    for env, expected in (
            ({}, {"bash", "curl", "resets"}),
            ({"RSTFIX_FOLLOW": "0"}, {"bash"}),
            ({"RSTFIX_PROGRAMS": "curl"}, {"curl"}),
            ({"RSTFIX_PROGRAMS": "bash,res*"}, {"bash", "resets"}),
            ({"RSTFIX_PROGRAMS": "curl", "RSTFIX_FOLLOW": "0"}, set())):
        found = watched(run, **env)
        assert found == expected, f"{env}: {found} and not {expected}"


def sent_on_after_the_end(run, policy):
    """How many RSTs come of one byte more after the server has closed."""
    env = {} if run.bare else {"RSTFIX_POLICY": policy}
    server = run.serve(PYTHON, script("small_answer.py"), run.host, run.port, env=env)
    before = run.rsts()
    with socket.create_connection((run.host, run.port), 20) as sock:
        sock.sendall(b"request")
        answer = sock.recv(6, socket.MSG_WAITALL)
        assert (answer, sock.recv(1)) == (b"answer", b""), f"the answer is {answer}"
        sock.sendall(b"!")
        time.sleep(0.1)
    time.sleep(0.1)  # the client's end is seen, and told, at the next tick
    server.end()
    return run.rsts() - before


@scenario(Works())
def a_rule_that_names_late_data_lets_also_small_answers_linger(run):
    assert sent_on_after_the_end(run, "* -> fix") == 1, "without a rule"
    run.port += 1
    rsts = sent_on_after_the_end(run, "late-data role=server -> fix")
    assert rsts == (0 if run.mode == "fix" else 1), f"{rsts} RSTs with a rule"
    told = [event["pattern"] for events in told_by(run).values() for event in events]
    assert told == (["late-data"] if run.mode == "fix" else []), f"{told}"
