# SPDX-License-Identifier: MIT
"""rstfix report on what real programs under the shim have written: lines of code, and both ends."""

import json
import os
import re
import shutil
import socket
import subprocess

from harness import nginx
from harness.run import PROGRAMS, PYTHON, which
from harness.scenario import Works, scenario

AUDIT = ("audit",)
NEEDS = ("g++", "gdb", "objcopy", "strip", "addr2line")
SOURCE = os.path.join(PROGRAMS, "inlined.cc")
with open(SOURCE, encoding="utf-8") as file:
    GUILTY = [line.strip().endswith("/* the guilty line */") for line in file].index(True) + 1


def tool(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


def report(run, *argv, env=None):
    program = run.run(run.settings.rstfix, "report", *argv, shim=False, env=env)
    assert program.process.returncode == 0, program.err
    return program.out


def report_json(run, *argv, env=None):
    return json.loads(report(run, "--format", "json", *argv, env=env))


def compiled(run, name="inlined", *options):
    """The program, built here, and what it writes on the log."""
    path, log = run.path(name), run.path(name + ".json")
    tool("g++", "-O2", "-g", "-Wl,--build-id", *options, "-o", path, SOURCE)
    run.run(path, env={"RSTFIX_LOG": log})
    return path, log


def own_frames(document, path):
    return [frame for frame in document["callsites"][0]["frames"] if frame["module"] == path]


def chain(frame):
    return [(source["function"], os.path.basename(source["file"] or ""), source["line"])
            for source in frame["source"]]


def by_addr2line(path, offset):
    lines = tool("addr2line", "-i", "-f", "-C", "-e", path, offset).splitlines()
    return [(function, os.path.basename(place.split(":")[0]), int(re.match(r"\d+", place.split(":")[1])[0]))
            for function, place in zip(lines[::2], lines[1::2])]


def by_gdb(path, offset):
    said = tool("gdb", "-batch", "-nx", "-ex", f"info line *{offset}", path)
    line, name = re.search(r'Line (\d+) of "([^"]*)"', said).groups()
    return os.path.basename(name), int(line)


def check_lines(document, path, reference):
    """What the report says of path's frames is what addr2line and gdb say of the reference."""
    frames = own_frames(document, path)
    assert chain(frames[0])[0][1:] == ("inlined.cc", GUILTY), chain(frames[0])
    assert [name.split("(")[0] for name, _, _ in chain(frames[0])][-1] == "web::serve"
    checked = 0
    for frame in frames:
        if not frame["source"] or not frame["source"][0]["file"]:
            continue
        theirs, ours = by_addr2line(reference, frame["offset"]), chain(frame)
        assert [place[1:] for place in ours] == [place[1:] for place in theirs], f"{ours}, {theirs}"
        assert [place[0].split("(")[0] for place in ours] == [
            place[0].split("(")[0] for place in theirs], f"{ours}, {theirs}"
        assert ours[0][1:] == by_gdb(reference, frame["offset"]), ours
        checked += 1
    assert checked >= 2, f"{checked} frames of the program have lines"


@scenario(Works(), modes=AUDIT, needs=NEEDS)
def the_report_finds_the_lines_that_gdb_finds(run):
    path, log = compiled(run)
    check_lines(report_json(run, log), path, path)
    said = report(run, log)
    assert f"inlined.cc:{GUILTY}" in said and "inlined into web::serve(int) at" in said, said
    fixed, log = compiled(run, "fixed", "-no-pie")
    check_lines(report_json(run, log), fixed, fixed)


@scenario(Works(), modes=AUDIT, needs=NEEDS)
def separate_debug_files_are_found_and_others_are_not_taken(run):
    path, log = compiled(run)
    whole, debug = run.path("whole"), run.path(".debug/separate.debug")
    shutil.copy(path, whole)
    build_id = own_frames(report_json(run, log), path)[0]["build_id"]
    os.mkdir(run.path(".debug"))
    tool("objcopy", "--only-keep-debug", path, debug)
    tool("strip", "--strip-all", path)

    document = report_json(run, log)
    assert [u["why"] for u in document["unresolved"] if u["module"] == path] == [
        "stripped, and no separate debug data was found"], document["unresolved"]
    said = report(run, log)
    assert f"{path}+0x" in said and "stripped" in said, said

    root = run.path("root")
    by_id = f"{root}/usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug"
    cache = run.path("cache")
    for place in (by_id, f"{cache}/{build_id}/debuginfo"):
        os.makedirs(os.path.dirname(place))
        shutil.copy(debug, place)
    check_lines(report_json(run, "--sysroot", root, log), path, whole)
    check_lines(report_json(run, log, env={"DEBUGINFOD_CACHE_PATH": cache}), path, whole)

    tool("objcopy", f"--add-gnu-debuglink={debug}", path)
    check_lines(report_json(run, log), path, whole)

    tool("g++", "-O1", "-g", "-Wl,--build-id", "-o", path, SOURCE)
    why = [u["why"] for u in report_json(run, log)["unresolved"] if u["module"] == path]
    assert len(why) == 1 and why[0].startswith("the file there is another build"), why
    assert not own_frames(report_json(run, log), path)[0]["source"], "another build's lines"
    os.unlink(path)
    why = [u["why"] for u in report_json(run, log)["unresolved"] if u["module"] == path]
    assert why == ["the file is not there"], why


UPSTREAM = """\
import socket, sys, time
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
for _ in range(int(sys.argv[3])):
    sock, _ = listener.accept()
    sock.recv(1000)
    time.sleep(0.2)
    sock.close()  # the rest of the request is unread
"""

REQUESTS = 5


@scenario(Works(), modes=AUDIT, needs=("nginx",))
def each_reset_that_nginx_sees_has_its_line_in_the_upstream(run):
    upstream, logs = run.port + 1, {name: run.path(name + ".json") for name in ("nginx", "upstream")}
    conf = run.path("nginx.conf", nginx.config(
        run.folder, run.host, run.port,
        f"location / {{ proxy_request_buffering off; proxy_pass http://{run.host}:{upstream}; }}"))
    before = run.rsts()
    run.serve(PYTHON, "-c", UPSTREAM, run.host, upstream, REQUESTS, port=upstream,
              env={"RSTFIX_LOG": logs["upstream"]})
    proxy = run.serve(which("nginx"), "-c", conf, "-e", f"{run.folder}/error.log",
                      env={"RSTFIX_LOG": logs["nginx"]})
    for _ in range(REQUESTS):
        run.run(PYTHON, "-c", f"import http.client as h; c = h.HTTPConnection('{run.host}', {run.port}); "
                "c.request('POST', '/', b'x' * 60000); print(c.getresponse().status)", shim=False)
    proxy.end()
    assert run.rsts() - before >= REQUESTS, "the kernel sent a RST each time"
    resets = report_json(run, "--correlate", logs["upstream"], logs["nginx"])["resets"]
    assert len(resets) == REQUESTS and {reset["end"] for reset in resets} == {"client"}, resets
    for reset in resets:
        assert reset["by"] == "the other end", reset
        assert reset["cause"]["pattern"] == "unread-close" and reset["cause"]["program"] == "python3"
        assert "python3" in reset["cause"]["where"], reset
    said = report(run, "--correlate", logs["upstream"], logs["nginx"])
    assert f"resets seen: {REQUESTS}; caused at the other end: {REQUESTS};" in said, said


ONE_ANSWER = """\
import socket, sys, time
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
sock, _ = listener.accept()
time.sleep(0.2)  # until the request is there, to be left unread
sock.setblocking(False)
print(sock.send(b"x" * (4 << 20)))
sock.close()
"""


@scenario(Works(), modes=AUDIT)
def what_the_peer_did_not_get_is_told_as_destroyed(run):
    server = run.serve(PYTHON, "-c", ONE_ANSWER, run.host, run.port)
    got = 0
    with socket.create_connection((run.host, run.port)) as client:
        client.sendall(b"r" * 100)
        server.wait()
        try:
            while part := client.recv(65536):
                got += len(part)
        except ConnectionResetError:
            pass
    sent = int(server.out)
    exact = report_json(run, run.log)["callsites"][0]
    with open(run.log, encoding="utf-8") as file:
        lines = [line for line in file if '"event":"rst"' in line]
    told = report_json(run, run.path("lines.json", "".join(lines)))["callsites"][0]
    assert len(lines) == 1 and exact["destroyed"] == told["destroyed"], (exact, told)
    assert 0 < sent - got <= exact["destroyed"] <= sent, f"{sent} sent, {got} got, {exact}"
