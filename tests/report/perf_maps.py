# SPDX-License-Identifier: MIT
"""Perf maps: the names of code made at run time, and who may have written them."""

import os
import re

import logs
from logs import event

CODE = 0x7F0000001000
FRAMES = [logs.FRAMES[0]] + [{"module": None, "build_id": None, "offset": hex(CODE + at), "symbol": None}
                             for at in (0x10, 0x2FF, 0x300)]
MAP = (f"{CODE:x} 300 JS:~old /srv/app.js:1:1\nno line\n{CODE:x}\n{CODE:x} 300 \n" + "x" * 9000 +
       f"{CODE:x} 300 in a long line\n0x{CODE - 16:x} 0x310 JS:~reply /srv/app.js:9:7\n").encode()
PID = 1 << 24  # no process has such a number


def symbols(document):
    return [frame["symbol"] for frame in document["callsites"][0]["frames"]]


def refused(reports, log, folder):
    document = reports.json("--perf-map", folder, log)
    assert symbols(document)[1:] == [None] * 3, document
    why = [u["why"] for u in document["unresolved"] if u["module"] is None]
    assert len(why) == 1, why
    return why[0]


def check_names(reports):
    log = reports.write("jit.json", event(1, pid=PID, start=1000, frames=FRAMES))
    path = reports.write(f"maps/perf-{PID}.map", MAP)
    folder = os.path.dirname(path)
    document = reports.json("--perf-map", folder, log)
    assert symbols(document) == ["reply+0x52"] + 2 * ["JS:~reply /srv/app.js:9:7"] + [None], symbols(document)
    assert document["callsites"][0]["where"].startswith("JS:~reply /srv/app.js:9:7 ("), document
    said = reports.out("--perf-map", folder, log)
    assert re.search(r"unread-close +httpd +JS:~reply /srv/app.js:9:7 \(", said), said
    assert "JS:~reply /srv/app.js:9:7" in reports.out("--format", "folded", "--perf-map", folder, log)
    assert "JS:~reply /srv/app.js:9:7" in reports.out("--format", "html", "--perf-map", folder, log)
    with open(path, "ab") as file:
        file.write(b"%x 300 Interpreter\n%x 1 \xff\x1b[2J\n" % (CODE, CODE + 0x300))
    document = reports.json("--perf-map", folder, log)
    assert symbols(document)[1:] == ["Interpreter"] * 2 + ["?\x1b[2J"], symbols(document)
    assert "\x1b" not in reports.out("--perf-map", folder, log)


def check_refusals(reports):
    """Whether all could be tried."""
    log = reports.write("jit.json", event(1, pid=PID, start=1000, frames=FRAMES))
    path = reports.write(f"maps/perf-{PID}.map", MAP)
    folder = os.path.dirname(path)
    os.rename(path, path + ".real")
    assert refused(reports, log, folder).endswith("No such file or directory")
    os.symlink(path + ".real", path)
    assert refused(reports, log, folder).endswith("is a link")
    os.unlink(path)
    os.link(path + ".real", path)
    assert refused(reports, log, folder).endswith("is no file by itself")
    os.unlink(path)
    os.mkfifo(path)
    assert refused(reports, log, folder).endswith("is no file by itself")
    os.unlink(path)
    os.rename(path + ".real", path)
    os.chmod(path, 0o646)
    assert refused(reports, log, folder).endswith("can be written by others")
    os.chmod(path, 0o644)
    os.utime(path, (999, 999))
    assert refused(reports, log, folder).endswith("is older than the process")
    os.truncate(path, 1 << 40)
    os.utime(path, (1000, 1000))
    assert refused(reports, log, folder).endswith("is larger than 1 GiB")
    os.truncate(path, len(MAP))
    os.utime(path, (1000, 1000))
    assert "JS:~reply" in symbols(reports.json("--perf-map", folder, log))[1]
    if os.geteuid() != 0:
        return False
    os.chown(path, 12345, -1)
    assert "belongs to uid 12345" in refused(reports, log, folder)
    os.chown(log, 12345, -1)
    assert "JS:~reply" in symbols(reports.json("--perf-map", folder, log))[1], "the log's owner"
    return True


def check_default_folder(reports):
    path = f"/tmp/perf-{PID + os.getpid()}.map"
    log = reports.write("here.json", event(1, pid=PID + os.getpid(), start=1000, frames=FRAMES,
                                           host=os.uname().nodename))
    there = reports.write("there.json", event(1, pid=PID + os.getpid(), start=1000, frames=FRAMES))
    with open(path, "xb") as file:
        file.write(MAP)
    try:
        assert "JS:~reply" in symbols(reports.json(log))[1]
        document = reports.json(there)
        assert symbols(document)[1] is None, "a map of this machine for a process of another one"
        assert any("another machine (db1)" in u["why"] for u in document["unresolved"]), document
    finally:
        os.unlink(path)
