#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""rstfix report on logs that are made here: figures, broken input, formats, the page. Prints TAP."""

import argparse
import fcntl
import gzip
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import xml.etree.ElementTree as ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import logs  # noqa: E402
import page  # noqa: E402
import perf_maps  # noqa: E402
from logs import event, summary, text  # noqa: E402


class Skip(Exception):
    """Why a test cannot run here."""


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Reports:
    """`rstfix report` on files in a folder of its own."""

    def __init__(self, command, folder):
        self.command, self.folder = command, folder

    def write(self, name, *lines):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text(*lines))
        return path

    def run(self, *argv, stdin=b"", env=None):
        return subprocess.run([self.command, "report", *argv], input=stdin, capture_output=True,
                              env=dict(os.environ, **(env or {})), timeout=60, check=False)

    def out(self, *argv, status=0, **options):
        done = self.run(*argv, **options)
        assert done.returncode == status, f"exit status {done.returncode}: {done.stderr.decode()}"
        return done.stdout.decode()

    def json(self, *argv, **options):
        return json.loads(self.out("--format", "json", *argv, **options))

    def site(self, *lines):
        """The only callsite of a log with these lines."""
        document = self.json(self.write("one.json", *lines))
        assert len(document["callsites"]) == 1, document["callsites"]
        return document["callsites"][0]


def figures(document):
    return {(site["program"], site["pattern"], site["op"], site["stack_id"]):
            {key: site[key] for key in ("count", "held", "unread", "destroyed", "saved", "outcomes")}
            for site in document["callsites"]}


def figures_are_those_that_plain_python_comes_to(reports):
    lines = logs.random_log(1, 30000)  # so long that two threads read it
    path = reports.write("random.json", *lines)
    assert os.path.getsize(path) > 8 << 20
    for _ in range(3):
        document = reports.json(path)
        assert figures(document) == logs.summed(lines)
    destroyed = [site["destroyed"] for site in document["callsites"]]
    assert destroyed == sorted(destroyed, reverse=True)
    assert document["lines"] == document["event_lines"] == 30000
    assert sum(n for site in document["callsites"] for n in site["timeline"][1::2]) == sum(
        site["count"] - site["outcomes"].get("lingering", 0) for site in document["callsites"])


def the_same_log_in_pieces_and_compressed_is_the_same_report(reports):
    lines = logs.random_log(2, 3000)
    whole = reports.json(reports.write("whole.json", *lines))["callsites"]
    for i in range(3):  # the names are in another order than the lines
        reports.write(f"pieces/log.{3 - i}", *lines[1000 * i:1000 * (i + 1)])
    assert reports.json(os.path.join(reports.folder, "pieces"))["callsites"] == whole
    packed = gzip.compress(text(*lines[:700])) + gzip.compress(text(*lines[700:]))
    assert reports.json(reports.write("log.gz", packed))["callsites"] == whole
    assert reports.json("-", stdin=packed)["callsites"] == whole
    assert reports.json("-", stdin=text(*lines))["callsites"] == whole
    if shutil.which("zstd") is None:
        raise Skip("zstd is not installed")
    packed = subprocess.run(["zstd", "-c"], input=text(*lines), capture_output=True, check=True).stdout
    assert reports.json(reports.write("log.zst", packed))["callsites"] == whole
    done = reports.run("--format", "json", reports.write("cut.zst", packed[:len(packed) // 2]))
    document = json.loads(done.stdout)
    assert document["files"][0]["broken"] == "the compressed data ends early", document["files"]
    assert done.returncode == 0


def a_close_that_lingers_is_counted_once_as_it_ended(reports):
    first = event(1, outcome="lingering", frames=logs.FRAMES, unsent=100, harm="output-lost")
    site = reports.site(first, event(2, outcome="averted", unsent=100, harm="output-lost"))
    assert (site["count"], site["outcomes"]) == (1, {"averted": 1}), site
    assert (site["saved"], site["destroyed"]) == (100, 0), site
    assert site["frames"][0]["symbol"] == "reply+0x52"
    site = reports.site(first, event(2, outcome="averted", sock=1), event(3, outcome="expired"))
    assert (site["count"], site["outcomes"]) == (2, {"averted": 1, "expired": 1}), site
    site = reports.site(first, event(2, outcome="averted", pid=8))
    assert site["outcomes"] == {"averted": 1, "lingering": 1}, "another process is another socket"


def what_the_rate_held_back_is_counted_and_a_summary_knows_its_figures(reports):
    site = reports.site(event(1), event(2, count=40))
    assert (site["count"], site["held"], site["unread"]) == (41, 39, 12), site
    known = {"pattern": "unread-close", "op": "close", "stack_id": "00000000000000aa", "count": 50,
             "unread": 300, "unsent": 9000, "drained": 0, "destroyed": 6000, "saved": 1000, "lingered_ms": 0,
             "outcomes": {"reset": 49, "averted": 1}}
    site = reports.site(event(1), event(2, count=40), summary(3, [known]))
    assert (site["count"], site["held"], site["unread"]) == (50, 0, 300), site
    assert (site["destroyed"], site["saved"]) == (6000, 1000), site
    site = reports.site(event(1), summary(2, [dict(known, count=20)]), summary(3, [known]))
    assert site["count"] == 50, "a later summary replaces an earlier one"
    site = reports.site(event(1), summary(3, [known]), summary(3, [dict(known, count=5)]),
                        event(1, pid=8))
    assert site["count"] == 56, "two lines of one summary, and a process without"


def callsites_are_told_apart_and_peers_counted(reports):
    lines = [event(1), event(1, op="dup2"), event(1, pattern="late-data"), event(1, program="x"),
             event(1, stack_id=None), event(1, stack_id="b", peer="[::1]:5", role="client")]
    document = reports.json(reports.write("apart.json", *lines))
    assert len(document["callsites"]) == 6
    last = [site for site in document["callsites"] if site["stack_id"] == "b"][0]
    assert last["peers"] == [{"address": "::1", "count": 1}] and last["client"] == 1, last
    site = reports.site(*[event(i / 100, peer=f"10.1.{i // 250}.{i % 250}:9") for i in range(3000)])
    assert len(site["peers"]) == 32 and 2000 < site["peer_addresses"] < 4500, site["peer_addresses"]
    site = reports.site(*[event(i / 100, peer=f"10.1.0.{i % 32}:9") for i in range(320)])
    assert all(peer["count"] == 10 for peer in site["peers"]) and site["peer_addresses"] == 32


def broken_lines_cost_themselves_and_are_counted(reports):
    good = event(1, frames=logs.FRAMES)
    hostile = [b"\n", b"   \n", b"no json\n", b"{\"event\":\"rst\"\n", b"[]\n", b"1\n", b"{}\n",
               b"\x00\x01\x02\xff\n", text(good)[:-20] + b"\n", b"[" * 3000 + b"\n",
               b"{\"a\":" * 2000 + b"1" + b"}" * 2000 + b"\n", b"{\"event\":\"\xff\xfe\"}\n",
               b"x" * 3000000 + b"\n", b"{\"event\":[\"rst\"],\"pid\":{}}\n"]
    weird = [event(2, count=-5, unread="many", unsent=1.5, pid=None, sock=[], peer=7, harm={}),
             event(2, frames=[1, {}, {"offset": "0xzz"}, None]), event(2, frames={}, armed_by=4),
             event(2, time="yesterday"), event(2, outcome="unheard-of", pattern="\u0000\u001b[2J")]
    path = reports.write("hostile.json", *hostile, *weird, good, text(good)[:100])
    document = reports.json(path)
    assert document["no_event"] == len(hostile) - 2, document["no_event"]
    assert (document["truncated"], document["event_lines"]) == (1, 6), document
    said = reports.out(path)
    assert "warning: 12 lines passed over: no event in JSON" in said and "1 line cut off" in said, said
    assert "\x1b" not in said and "\x00" not in said
    for form in ("html", "folded", "sarif", "junit"):
        assert "\x1b" not in reports.out("--format", form, path), form
    assert reports.json(reports.write("whole.json", text(good)[:-1]))["truncated"] == 0
    assert "none of them an event" in reports.out(reports.write("text.log", b"rstfix: httpd[7]: close()\n"))
    assert reports.json(reports.write("empty.json"))["callsites"] == []


def what_cannot_be_read_is_refused(reports):
    log = reports.write("good.json", event(1))
    for argv, word in ((("/nonexistent",), "/nonexistent"), ((), "the log"),
                       (("--format", "xml", log), "xml"), (("--formt", "json", log), "--formt"),
                       (("--baseline", "/nonexistent", log), "/nonexistent"),
                       (("--baseline", reports.write("no", b"no log\n"), log), "neither"),
                       (("--correlate", log), "--correlate"), ((log, "--sysroot"), "--sysroot"),
                       (("--correlate", "--baseline", log, log, log), "--baseline"),
                       (("--correlate", "--format", "html", log, log), "html")):
        done = reports.run(*argv)
        assert (done.returncode, done.stdout) == (2, b""), f"{argv}: {done}"
        assert word in done.stderr.decode(), f"{argv}: {done.stderr}"
    with open("/dev/full", "wb") as full:
        done = subprocess.run([reports.command, "report", log], stdout=full, stderr=subprocess.PIPE,
                              check=False)
    assert done.returncode == 2 and b"No space left" in done.stderr, done


def a_baseline_tells_what_is_new_gone_and_changed(reports):
    old = reports.write("old.json", event(1), event(1, stack_id="b"), event(1, stack_id="c"))
    new = reports.write("new.json", event(9), event(9, stack_id="b", count=3),
                        event(9, stack_id="d"), event(9, stack_id=None))
    as_report = reports.write("old-report.json", reports.out("--format", "json", old).encode())
    for baseline in (old, as_report):
        document = reports.json("--baseline", baseline, new, status=1)
        found = {site["stack_id"]: site["change"] for site in document["callsites"]}
        assert found == {"00000000000000aa": "same", "b": "changed", "d": "new", None: "new"}, found
        assert [gone["stack_id"] for gone in document["gone"]] == ["c"], document["gone"]
        said = reports.out("--baseline", baseline, new, status=1)
        assert "gone: unread-close by close(), stack c, 1 event" in said, said
        reports.out("--baseline", baseline, old, status=0)
    sarif = json.loads(reports.out("--format", "sarif", "--baseline", old, new, status=1))
    states = sorted(result["baselineState"] for result in sarif["runs"][0]["results"])
    assert states == ["absent", "new", "new", "unchanged", "updated"], states
    suite = ElementTree.fromstring(reports.out("--format", "junit", "--baseline", old, new, status=1))
    assert suite[0].attrib == {"name": "rstfix", "tests": "4", "failures": "2"}, suite[0].attrib


def what_pairs_with_nothing_is_by_neither_application(reports):
    server = reports.write("server.json", event(10, peer="10.0.0.9:1", frames=logs.FRAMES),
                           event(10, peer="10.0.0.9:2", outcome="averted"),
                           event(500, peer="10.0.0.9:3"), event(10, local="127.0.0.1:81", peer="10.0.0.9:4"))
    seen = {"pattern": "peer-reset", "outcome": "seen", "op": "read", "role": "client", "harm": None,
            "peer": "127.0.0.1:80", "program": "curl"}
    client = reports.write("client.json", *[event(10.5, local=f"10.0.0.9:{port}", **seen)
                                            for port in (1, 2, 3, 4)],
                           event(11, **dict(seen, pattern="write-after-close", local="10.0.0.9:5")))
    document = reports.json("--correlate", server, client)
    by = {reset["local"].rsplit(":")[-1]: reset["by"] for reset in document["resets"]}
    assert by == {"1": "the other end", "2": "neither application", "3": "neither application",
                  "4": "neither application", "5": "its own write"}, by
    cause = document["resets"][0]["cause"]
    assert (cause["file"], cause["line"], cause["op"]) == (server, 1, "close"), cause
    cut = reports.write("cut.json.gz", gzip.compress(read(client) + b"no json\n")[:-9])
    assert reports.json("--correlate", server, cut)["no_event"] == 1
    said = reports.out("--correlate", server, cut)
    assert "cut.json.gz: the compressed data ends early" in said and "no event in JSON: 1" in said
    assert "resets seen: 5; caused at the other end: 1;" in said, said
    said = reports.out("--correlate", server, client)
    assert "reset by neither application" in said and "reply+0x52" in said, said
    assert "resets seen: 5; caused at the other end: 1;" in said, said


def stacks_fold_into_flame_graphs(reports):
    frames = [dict(logs.FRAMES[0], symbol="in;ner+0x1"), dict(logs.FRAMES[0], symbol="outer+0x2")]
    path = reports.write("folded.json", event(1, frames=frames, unsent=70, harm="output-lost"),
                         event(1, stack_id="b", unsent=30, harm="output-lost"))
    assert reports.out("--format", "folded", path) == "httpd;outer;in:ner 70\nhttpd 30\n"
    path = reports.write("events.json", event(1, frames=frames, count=4))
    assert reports.out("--format", "folded", path) == "httpd;outer;in:ner 4\n"


def every_field_of_the_log_is_in_the_manual(_reports):
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    source = read(os.path.join(root, "shim/log/render.c")).decode()
    written = set(re.findall(r'(?:member_\w+|name)\(t, "(\w+)"', source)) | set(
        re.findall(r'\\"(\w+)\\":', source))
    table = read(os.path.join(root, "man/rstfix-events.5")).decode()
    rows = re.findall(r"^\.It Va (\w+) Ta (.+) Ta (.+)$", table, re.M)
    told = {name for name, _, _ in rows} | {"on", "sec", "unacknowledged"}  # parts of a row
    assert len(written) > 50 and written == told, f"{written - told} are not there, {told - written} not written"
    assert len(rows) == len({name for name, _, _ in rows}), "twice"


def machines_get_sarif_and_junit(reports):
    path = reports.write("ci.json", event(1, frames=logs.FRAMES, unsent=5, harm="output-lost",
                                          program="a<b>\"&'\u0001"))
    run = json.loads(reports.out("--format", "sarif", path))["runs"][0]
    result = run["results"][0]
    assert result["level"] == "error" and result["ruleId"] in [
        rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "reply+0x52"
    assert len(result["stacks"][0]["frames"]) == 2 and result["occurrenceCount"] == 1
    case = ElementTree.fromstring(reports.out("--format", "junit", path))[0][0]
    assert case.attrib["classname"] == "a<b>\"&'?" and "#0 reply+0x52" in case[0].text
    empty = ElementTree.fromstring(reports.out("--format", "junit", reports.write("none.json")))
    assert empty[0].attrib["failures"] == "0" and len(empty[0]) == 1


def on_terminal(reports, path, columns, **env):
    """What a terminal of that width gets."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen([reports.command, "report", path], stdout=theirs,
                               stderr=subprocess.DEVNULL, env=dict(kept, TERM="xterm", **env))
    os.close(theirs)
    said = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        said += part
    process.wait()
    os.close(ours)
    return said.decode()


def the_language_s_own_frames_come_first(reports):
    own = [{"file": "/usr/lib/python3.11/socket.py", "line": 503, "function": "socket.close"},
           {"file": "/srv/upload.py", "line": 31, "function": "Upload.do_POST"},
           {"file": None, "line": None, "function": None}]
    lines = [event(1, language_frames=own, frames=logs.FRAMES),
             event(2, stack_id="b", language_frames=own[:1], frames=logs.FRAMES[:1],
                   armed_by={"op": "setsockopt", "stack_id": "c", "language_frames": own, "frames": []})]
    path = reports.write("python.json", *lines, *[event(i, stack_id="d") for i in range(30000)])
    sites = {site["stack_id"]: site for site in reports.json(path)["callsites"]}
    site = sites["00000000000000aa"]
    assert site["where"] == "Upload.do_POST at /srv/upload.py:31", site["where"]
    assert sites["b"]["where"].startswith("socket.close at /usr/lib/"), sites["b"]["where"]
    assert [frame.get("language") for frame in site["frames"]] == [True] * 3 + [None] * 2, site["frames"]
    assert site["frames"][1]["source"][0]["line"] == 31
    assert len(sites["b"]["armed_by"]["frames"]) == 3
    said = reports.out(path)
    assert "    in  Upload.do_POST at /srv/upload.py:31\n    in  ?? at ??:0\n    #0  reply" in said, said
    said = reports.out("--format", "folded", path)
    assert "httpd;" in said and ";Upload.do_POST;socket.close 1\n" in said, said
    result = json.loads(reports.out("--format", "sarif", path))["runs"][0]["results"]
    lines = [place.get("physicalLocation", {}).get("region", {}).get("startLine")
             for r in result for place in r["locations"]]
    assert 31 in lines, result


def code_made_at_run_time_has_its_names_from_a_perf_map(reports):
    perf_maps.check_names(reports)
    perf_maps.check_default_folder(reports)


def a_perf_map_that_another_user_may_have_forged_is_refused(reports):
    if not perf_maps.check_refusals(reports):
        raise Skip("all but the owner is checked: that takes root")


def text_fits_the_terminal(reports):
    frames = [dict(logs.FRAMES[0], module="/opt/" + "very-long-\u00e4-name/" * 20, symbol="f" * 300)]
    path = reports.write("wide.json", event(1, frames=frames, unsent=9, harm="output-lost"))
    said = on_terminal(reports, path, 70)
    plain = re.sub("\x1b\\[[0-9;]*m", "", said)
    widest = max(len(line) for line in plain.splitlines())
    assert widest == 70, f"{widest} columns"
    assert "\x1b[1m" in said and "\x1b[31m" in said
    assert "\x1b" not in on_terminal(reports, path, 70, NO_COLOR="1")
    assert max(len(line) for line in reports.out(path).splitlines()) > 300, "a file is not cut"


def the_page_works_in_a_browser(reports):
    if shutil.which("chromium") is None:
        raise Skip("chromium is not installed")
    page.check(reports)


TESTS = [figures_are_those_that_plain_python_comes_to,
         the_same_log_in_pieces_and_compressed_is_the_same_report,
         a_close_that_lingers_is_counted_once_as_it_ended,
         what_the_rate_held_back_is_counted_and_a_summary_knows_its_figures,
         callsites_are_told_apart_and_peers_counted, broken_lines_cost_themselves_and_are_counted,
         what_cannot_be_read_is_refused, a_baseline_tells_what_is_new_gone_and_changed,
         what_pairs_with_nothing_is_by_neither_application, stacks_fold_into_flame_graphs,
         the_language_s_own_frames_come_first, code_made_at_run_time_has_its_names_from_a_perf_map,
         a_perf_map_that_another_user_may_have_forged_is_refused,
         every_field_of_the_log_is_in_the_manual, machines_get_sarif_and_junit, text_fits_the_terminal, the_page_works_in_a_browser]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rstfix", default="build/rstfix", help="the command")
    parser.add_argument("names", nargs="*", help="a part of a test's name")
    args = parser.parse_args()
    tests = [test for test in TESTS
             if not args.names or any(name in test.__name__ for name in args.names)]
    failed = False
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        with tempfile.TemporaryDirectory(prefix="rstfix-report-") as folder:
            try:
                test(Reports(os.path.abspath(args.rstfix), folder))
                print(f"ok {number} - {test.__name__}", flush=True)
            except Skip as why:
                print(f"ok {number} - {test.__name__} # SKIP {why}", flush=True)
            except (AssertionError, ValueError, subprocess.SubprocessError) as error:
                failed = True
                print(f"not ok {number} - {test.__name__}")
                print("\n".join(f"# {line}" for line in repr(error)[:3000].splitlines()), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
