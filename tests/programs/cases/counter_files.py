# SPDX-License-Identifier: MIT
"""Files of RSTFIX_STATS in the report, and what becomes of them when their processes have ended."""

import contextlib
import json
import os
import socket
import subprocess
import time

from harness.scenario import Works, scenario

from .stats import counters

SHIM, AUDIT = ("audit", "fix"), ("audit",)


@scenario(Works(), modes=SHIM)
def the_report_reads_the_counter_files_and_counts_nothing_twice(run):
    mended = run.mode == "fix"
    with counters() as folder:
        both = run.start(run.victim("resets"), "5", env={"RSTFIX_STATS": folder, "RSTFIX_RATE": "1"})
        counted = run.start(run.victim("resets"), "7", env={"RSTFIX_STATS": folder, "RSTFIX_LOG": "none"})
        logged = run.start(run.victim("resets"), "3")
        for program in (both, counted, logged):
            program.wait()
        with open(os.path.join(folder, "rstfix-1-2.stats"), "wb") as file:
            file.write(b"RSTFIXST but no more")
        documents = []
        for paths in ((folder,), (run.log,), (folder, run.log), (run.log, folder)):
            out = subprocess.run([run.settings.rstfix, "report", "--format", "json", *paths],
                                 capture_output=True, timeout=20, check=True).stdout
            documents.append(json.loads(out))
        text = subprocess.run([run.settings.rstfix, "report", folder, run.log], capture_output=True,
                              text=True, timeout=20, check=True).stdout
    sites = [[site for site in document["callsites"] if site["pattern"] == "unread-close"][0]
             for document in documents]
    assert [site["count"] for site in sites] == [12, 8, 15, 15], sites
    assert [site["unread"] for site in sites[1:]] == [sites[1]["unread"], *[sites[2]["unread"]] * 2]
    assert [site["sources"] for site in sites] == [
        {"counters": 2}, {"summary": 2}, *[{"summary": 1, "counters": 2}] * 2], sites
    assert sites[0]["actions"] == {"fix" if mended else "log": 12}, sites[0]
    assert sum(sites[2]["outcomes"].values()) == 15 and len(sites[0]["frames"]) > 1, sites
    assert (documents[2]["counter_files"], documents[2]["counter_files_alone"]) == (2, 1), documents[2]
    broken = [file["broken"] for file in documents[0]["files"] if file["broken"]]
    assert broken == ["it is no whole counter file"], documents[0]["files"]
    assert "2 processes are counted by counter files, 1 of them is in no log" in text, text


@scenario(Works(), modes=AUDIT)
def what_ended_processes_have_counted_is_printed_and_removed(run):
    with counters() as folder:
        env = {"RSTFIX_STATS": folder}
        for _ in range(3):
            run.run(run.victim("resets"), "2", env=env)
        running = run.serve(run.victim("floods"), run.port, 1, env=env)
        with socket.create_connection((run.host, run.port), 10) as sock:
            sock.sendall(b"0123456789")
            with contextlib.suppress(ConnectionResetError):
                sock.recv(1)
        for name in ("rstfix-1-2.stats", "notes"):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(b"RSTFIXST but no more")
        assert len(os.listdir(folder)) == 6, os.listdir(folder)
        refused = subprocess.run([run.settings.rstfix, "top", "--remove-ended", "--format", "prometheus", folder],
                                 capture_output=True, check=False)
        assert refused.returncode == 2 and len(os.listdir(folder)) == 6, refused
        told = subprocess.run([run.settings.rstfix, "top", "--remove-ended", folder], capture_output=True,
                              text=True, timeout=20, check=True)
        head, *lines = (line.split() for line in told.stdout.splitlines())
        assert [dict(zip(head, line))["EVENTS"] for line in lines] == ["6"], told.stdout
        left = sorted(os.listdir(folder))
        assert left[0] == "notes" and len(left) == 3, left
        assert any(name.startswith(f"rstfix-{running.pid}-") for name in left), left
        assert "--remove-ended" not in told.stderr and "are none" in told.stderr, told.stderr
        running.process.kill()


@scenario(Works(), modes=AUDIT, needs=("unshare",))
def what_runs_and_does_not_see_the_boot_id_keeps_its_file(run):
    hidden = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc/sys && exec "$@"', "sh")
    with counters() as folder:
        running = run.serve(*hidden, run.victim("floods"), run.port, 1, env={"RSTFIX_STATS": folder})
        with socket.create_connection((run.host, run.port), 10) as sock:
            sock.sendall(b"0123456789")
            with contextlib.suppress(ConnectionResetError):
                sock.recv(1)
        deadline = time.monotonic() + 5
        while not (files := os.listdir(folder)) and time.monotonic() < deadline:
            time.sleep(0.01)
        told = subprocess.run([run.settings.rstfix, "top", "--remove-ended", folder], capture_output=True,
                              text=True, timeout=20, check=True)
        assert running.process.poll() is None and os.listdir(folder) == files and files, told
        assert len(told.stdout.splitlines()) == 1, told.stdout
        running.process.kill()
