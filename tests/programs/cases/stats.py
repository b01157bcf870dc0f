# SPDX-License-Identifier: MIT
"""RSTFIX_STATS: what is counted there is what the kernel and the peers counted, whatever kills the
process; `rstfix top` shows it, and Prometheus takes it."""

import contextlib
import os
import pty
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request

from harness.run import PYTHON
from harness.scenario import Skip, Works, scenario

SHIM = ("audit", "fix")


@contextlib.contextmanager
def counters():
    """A folder on tmpfs."""
    with open("/proc/mounts", encoding="utf-8") as file:
        if not any(line.split()[1:3] == ["/dev/shm", "tmpfs"] for line in file):
            raise Skip("/dev/shm is no tmpfs")
    folder = tempfile.mkdtemp(prefix="rstfix-stats-", dir="/dev/shm")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def top(run, folder, *options):
    """What `rstfix top` prints."""
    told = subprocess.run([run.settings.rstfix, "top", *options, folder], capture_output=True,
                          stdin=subprocess.DEVNULL, text=True, timeout=20, check=False)
    assert (told.returncode, told.stderr) == (0, ""), f"{told.returncode}: {told.stderr}"
    return told.stdout


def rows(run, folder):
    """The rows of the table, as dictionaries."""
    head, *lines = (line.split() for line in top(run, folder, "--once").splitlines())
    return [dict(zip(head, line)) for line in lines]


class Client(threading.Thread):
    """Connects, says something and waits for the end, until that is a refusal."""

    def __init__(self, run):
        super().__init__(daemon=True)
        self.where = (run.host, run.port)
        self.resets = self.fins = self.refused = 0
        self.other = None

    def run(self):
        while not self.refused and self.other is None:
            try:
                with socket.create_connection(self.where, 10) as sock:
                    sock.sendall(b"0123456789")
                    if sock.recv(1) == b"":
                        self.fins += 1
            except ConnectionRefusedError:
                self.refused += 1
            except (ConnectionResetError, BrokenPipeError):
                self.resets += 1
            except OSError as error:
                self.other = str(error)


def kill_in_full_load(run, folder, threads, clients):
    """How often the clients had each end: resets, FINs, refusals."""
    run.traced = False
    env = {"RSTFIX_STATS": folder, "RSTFIX_RATE": "0", "RSTFIX_LINGER": "sockets=64"}
    server = run.serve(run.victim("floods"), run.port, threads, env=env)
    clients = [Client(run) for _ in range(clients)]
    for client in clients:
        client.start()
    time.sleep(1)
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    for client in clients:
        client.join(15)
        assert client.other is None, client.other
    return [sum(getattr(client, name) for client in clients)
            for name in ("resets", "fins", "refused")]


@scenario(Works(), modes=SHIM)
def a_server_killed_in_full_load_has_counted_what_the_kernel_and_its_clients_have(run):
    threads, clients = 4, 8
    with counters() as folder:
        resets, fins, refused = kill_in_full_load(run, folder, threads, clients)
        rsts = run.rsts()
        told = rows(run, folder)
    assert {row["STATE"] for row in told} == {"ended"}, told
    events, unread = (sum(int(row[name]) for row in told) for name in ("EVENTS", "UNREAD"))
    seen = f"{events} events, {unread} bytes; {rsts} RSTs; {resets} resets, {fins} FINs, {refused}"
    assert 10 * (events - threads) <= unread <= 10 * (events + threads), seen
    # what the kill itself ends: a client may come again before the listener has gone, too
    killed = 2 * clients
    if run.mode == "audit":
        # told before the close; a client that had not spoken by then gets a FIN
        assert fins <= clients and 0 <= rsts - resets - refused <= fins, seen
        assert events > 200 and events - threads <= resets <= events + killed, seen
    else:
        # told when it has lingered: 64 at once, and what waits to be handed over (a socket buffer)
        lingering = 64 + 300
        assert resets <= killed and rsts <= killed + refused + lingering, seen
        assert events > 200 and events - threads <= fins <= events + killed + lingering, seen


@scenario(Works(), modes=SHIM)
def what_top_and_prometheus_tell_is_what_the_log_tells(run):
    with counters() as folder:
        run.run(run.victim("resets"), 7, env={"RSTFIX_STATS": folder})
        told, _ = run.events()
        summary = [event for event in told if event["event"] == "summary"][0]["callsites"][0]
        row, = rows(run, folder)
        for name, key in (("EVENTS", "count"), ("UNREAD", "unread"), ("STACK", "stack_id"),
                          ("PATTERN", "pattern"), ("CALL", "op")):
            assert row[name] == str(summary[key]), f"{name} is {row[name]}, not {summary[key]}"
        action, outcome = (("log", "reset") if run.mode == "audit" else ("fix", "averted"))
        assert row["OUTCOME"] == outcome and row["PROGRAM"] == "resets", row
        assert row["CALLSITE"].startswith("resets+0x"), row
        sample = (f'rstfix_events_total{{program="resets",pattern="unread-close",op="close",'
                  f'action="{action}",outcome="{outcome}"}} 7\n')
        text = top(run, folder, "--format", "prometheus")
        report = subprocess.run([run.settings.rstfix, "report", "--format", "prometheus", folder],
                                capture_output=True, text=True, timeout=20, check=False)
        assert (report.returncode, report.stdout) == (0, text), report.stderr
        assert sample in text, text


@scenario(Works(), modes=("audit",))
def a_file_is_made_by_a_process_with_events_alone(run):
    with counters() as folder:
        env = {"RSTFIX_STATS": folder}
        run.run("/bin/true", env=env)
        assert os.listdir(folder) == [], os.listdir(folder)
        # the shell forks two children, and execs the third program in its own place
        resets = run.victim("resets")
        run.run("/bin/sh", "-c", f"{resets} 2; {resets} 3; exec {resets} 4", env=env)
        names = os.listdir(folder)
        assert len(names) == 3, names
        assert [os.stat(f"{folder}/{name}").st_mode & 0o777 for name in names] == [0o600] * 3
        row, = rows(run, folder)
        assert (row["EVENTS"], row["PID"], row["STATE"]) == ("9", "*", "ended"), row


FORKS = """
import os, socket
def reset():
    listener = socket.create_server((os.environ["VICTIM_ADDRESS"], 0))
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    client.sendall(b"unread")
    client.close()
    while len(server.recv(9, socket.MSG_PEEK)) < 6:
        pass
    server.close()
def resets(count):
    for _ in range(count):
        reset()
resets(3)
if os.fork() == 0:
    resets(2)
    os._exit(0)
os.wait()
resets(1)
"""


@scenario(Works(), modes=SHIM)
def a_forked_child_has_a_file_of_its_own(run):
    with counters() as folder:
        run.run(PYTHON, "-c", FORKS, env={"RSTFIX_STATS": folder})
        rsts = run.rsts()
        assert len(os.listdir(folder)) == 2, os.listdir(folder)
        events = sum(int(row["EVENTS"]) for row in rows(run, folder))
        assert events == 6, rows(run, folder)
        assert rsts == (6 if run.mode == "audit" else 0), f"{rsts} RSTs"


@scenario(Works(), modes=SHIM)
def a_folder_that_went_costs_one_line_and_no_program(run):
    with counters() as folder:
        script = f"import os; os.rmdir({folder + '/x'!r})\n{FORKS}"
        os.mkdir(f"{folder}/x")
        program = run.run(PYTHON, "-c", script, env={"RSTFIX_STATS": f"{folder}/x"})
        assert program.process.returncode == 0, program.err
        told, _ = run.events()
        lines = [event["text"] for event in told if event.get("code") == "stats"]
        assert lines == ["RSTFIX_STATS: nothing is counted there: the folder does not exist"], lines


@scenario(Works(), modes=SHIM)
def an_inherited_filter_that_kills_for_what_it_takes_costs_the_counters_alone(run):
    with counters() as folder:
        program = run.run(run.victim("attack_sandbox"), "inherited", "fallocate",
                          env={"RSTFIX_STATS": folder})
        assert program.out == "close: 0\nalive\n", f"{program.process.returncode}: {program.out!r}"
        told, _ = run.events()
        lines = [event["text"] for event in told if event.get("code") == "environment"]
        assert len(lines) == 1 and "seccomp filter" in lines[0] and folder in lines[0], told
        assert [event for event in told if event["event"] == "rst"], told
        assert os.listdir(folder) == [], os.listdir(folder)


def limited(which_limit, value):
    def limit():
        _, hard = resource.getrlimit(which_limit)
        resource.setrlimit(which_limit, (value, hard))
    return limit


@scenario(Works(), modes=SHIM)
def limits_on_files_and_memory_stop_nobody(run):
    with counters() as folder:
        reader, writer = os.pipe()  # not a file: the file size limit is the program's own as well
        with os.fdopen(reader) as output:
            for limit in (limited(resource.RLIMIT_FSIZE, 2000), limited(resource.RLIMIT_NOFILE, 6)):
                env = {"RSTFIX_STATS": folder, "RSTFIX_LOG": run.path("cut.json")}
                program = run.run(run.victim("resets"), 20, env=env, preexec_fn=limit,
                                  stdout=writer)
                assert program.process.returncode == 0, program.err
            os.close(writer)
            assert output.read() == "done 20\ndone 20\n"


@scenario(Works(), modes=("audit",))
def no_trace_is_left_in_errno(run):
    with counters() as folder:
        program = run.run(run.victim("attack_limits"), "errno", env={"RSTFIX_STATS": folder})
        assert program.out == "errno: 0\n", program.out


@scenario(Works(), modes=("audit",))
def a_live_table_counts_on_and_quits_by_q(run):
    with counters() as folder:
        run.run(run.victim("resets"), 5, env={"RSTFIX_STATS": folder})
        pid, screen = pty.fork()
        if pid == 0:
            os.environ.update(TERM="xterm", LINES="30", COLUMNS="200")
            os.execv(run.settings.rstfix, ["rstfix", "top", folder])
        shown = look(screen, "unread-close")
        assert "ended" in shown and "q: quit" in shown, shown
        run.run(run.victim("resets"), 6, env={"RSTFIX_STATS": folder})
        look(screen, "H11\x1b")
        os.write(screen, b"q")
        _, status = os.waitpid(pid, 0)
        os.close(screen)
        assert status == 0, f"its status is {status}"


def readable(screen, seconds):
    poller = select.poll()
    poller.register(screen, select.POLLIN)
    return bool(poller.poll(seconds * 1000))


def look(screen, wanted, seconds=10):
    """What the terminal gets, up to a pattern."""
    shown, deadline = "", time.monotonic() + seconds
    while not re.search(wanted, shown):
        left = deadline - time.monotonic()
        assert left > 0, f"no {wanted} within {seconds} s: {shown!r}"
        if readable(screen, left):
            shown += os.read(screen, 65536).decode("utf-8", "replace")
    while readable(screen, 0.2):
        shown += os.read(screen, 65536).decode("utf-8", "replace")
    return shown


@scenario(Works(), modes=("audit",))
def top_refuses_what_it_cannot_follow(run):
    with counters() as folder:
        for words, said in ((["--sort", "size", folder], "--sort is \"size\"; allowed: rate,"),
                            (["--format", "xml", folder], "--format is \"xml\"; allowed: text,"),
                            (["--twice", folder], "an option is \"--twice\""),
                            ([folder, "/tmp"], "one folder more is \"/tmp\""),
                            ([folder + "/none"], "No such file or directory"),
                            (["--format", "prometheus", folder + "/none"], "No such file"),
                            ([], "the folder is \"\"")):
            program = run.run(run.settings.rstfix, "top", *words, shim=False)
            assert program.process.returncode == 2 and not program.out, (words, program.out)
            assert program.err.count("\n") == 1 and said in program.err, (words, program.err)
        with open(f"{folder}/rstfix-1-0.stats", "wb") as file:
            file.write(b"RSTFIXST" * 1000)
        os.symlink("/etc/passwd", f"{folder}/rstfix-2-0.stats")
        os.mkfifo(f"{folder}/rstfix-3-0.stats")
        program = run.run(run.settings.rstfix, "top", "--once", folder, shim=False)
        assert program.process.returncode == 0 and "3 files" in program.err, program.err


@scenario(Works(), modes=("audit",), needs=("promtool",))
def promtool_finds_nothing_wrong(run):
    with counters() as folder:
        run.run(run.victim("resets"), 5, env={"RSTFIX_STATS": folder})
        run.run("a \"b\"\\\n\xff\x01", 5, executable=run.victim("resets"),
                env={"RSTFIX_STATS": folder})
        text = top(run, folder, "--format", "prometheus")
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                                 capture_output=True, check=False)
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, ""), (
            checked.stdout + checked.stderr + text)
        assert text.count("rstfix_lost_lines_total{") == 2, text


CONFIG = """
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: node
    static_configs: [{targets: ["127.0.0.1:%d"]}]
"""


def fetch(port, query):
    url = f"http://127.0.0.1:{port}/api/v1/query?query={query}"
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


@scenario(Works(), quick=False, modes=("audit",), needs=("prometheus", "prometheus-node-exporter"))
def prometheus_scrapes_the_figures(run):
    exporter, prometheus = run.port, run.port + 1
    run.traced = False
    with counters() as folder:
        run.run(run.victim("resets"), 13, env={"RSTFIX_STATS": folder})
        collected = run.path("collected")
        os.mkdir(collected)
        with open(f"{collected}/rstfix.prom.new", "w", encoding="utf-8") as file:
            file.write(top(run, folder, "--format", "prometheus"))
        os.rename(f"{collected}/rstfix.prom.new", f"{collected}/rstfix.prom")
        run.serve("prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{exporter}",
                  "--collector.disable-defaults", "--collector.textfile",
                  f"--collector.textfile.directory={collected}", shim=False, port=exporter)
        run.serve("prometheus", f"--config.file={run.path('prometheus.yml', CONFIG % exporter)}",
                  f"--storage.tsdb.path={run.path('tsdb')}",
                  f"--web.listen-address=127.0.0.1:{prometheus}", shim=False, port=prometheus)
        deadline = time.monotonic() + 30
        answer = ""
        while '"13"' not in answer:
            assert time.monotonic() < deadline, f"Prometheus answers {answer!r}"
            time.sleep(0.5)
            answer = fetch(prometheus, "rstfix_events_total")
        assert '"program":"resets"' in answer and '"pattern":"unread-close"' in answer, answer
