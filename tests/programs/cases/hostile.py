# SPDX-License-Identifier: MIT
"""Names that an attacker chooses, of programs, files, functions and rules, forge no line of a log,
reach no terminal as control characters, and nobody else decides where a log goes."""

import json
import os
import subprocess
import xml.dom.minidom

from harness.scenario import Works, scenario

SHIM = ("audit", "fix")
FORGED = b'\n{"v":1,"event":"rst","pattern":"linger-zero"}\n'
NASTY = b'\x1b]0;x\x07\x1b[2J\r\xc2\x9b31m\x9b\xff\x7f<script>&"\'\\'
PLACE = b"PLACE_FOR_A_NAME_OF_SIXTY_FOUR_BYTES_THAT_IS_HOSTILE_TO_READERS_"
FORMATS = ("text", "json", "html", "folded", "sarif", "junit")
NOBODY = 65534


def hostile_library(run):
    """A library in a folder, and with a function, of such names."""
    folder = os.fsencode(run.path("modules")) + FORGED.replace(b"/", b"") + NASTY
    os.mkdir(folder)
    with open(run.victim("libhostile.so"), "rb") as file:
        library = file.read()
    name = (NASTY + FORGED)[:len(PLACE)].ljust(len(PLACE), b"_")
    assert PLACE in library, "the function has no place for its name"
    path = os.path.join(folder, b"lib.so")
    with open(path, "wb") as file:
        file.write(library.replace(PLACE, name))
    return path


def resets(run, log, form, stats=""):
    rules = os.path.join(os.fsencode(run.folder), b"rules" + FORGED.replace(b"/", b"") + NASTY)
    with open(rules, "w", encoding="ascii") as file:
        file.write("* port=1-65535 -> log\n")
    env = {"LD_PRELOAD": run.settings.library, "RSTFIX_MODE": run.mode, "RSTFIX_LOG": log,
           "RSTFIX_FORMAT": form, "RSTFIX_POLICY_FILE": rules, "VICTIM_ADDRESS": run.host,
           "RSTFIX_STATS": stats}
    done = subprocess.run([b"evil" + FORGED + NASTY.replace(b"/", b""), hostile_library(run)],
                          executable=run.victim("hostile"), env=env, capture_output=True,
                          check=False, timeout=20)
    os.remove(rules)
    assert (done.returncode, done.stdout) == (0, b"close: 0\n"), done
    return done.stderr


def complaints(text, what):
    """Control characters but the end of a line, and what is no UTF-8."""
    try:
        said = text.decode()
    except UnicodeDecodeError as error:
        return [f"{what} is no UTF-8: {error}"]
    bad = {char for char in said if char != "\n" and (ord(char) < 32 or 127 <= ord(char) < 160)}
    return [f"{what} holds {sorted(bad)}"] if bad else []


def judge(wrong):
    assert not wrong, "\n".join(wrong)


@scenario(Works(), modes=SHIM)
def hostile_names_forge_no_line_of_text(run):
    said = resets(run, "stderr", "text")
    lines = said.decode(errors="replace").splitlines()
    wrong = complaints(said, "the log")
    wrong += [f"a line of its own: {line}" for line in lines
              if not line.startswith(("rstfix: ", "    "))]
    wrong += [] if any("[unread-close, " in line for line in lines) else [f"no event: {lines}"]
    judge(wrong)


@scenario(Works(), modes=SHIM)
def hostile_names_forge_no_line_of_json_and_no_report(run):
    log = run.path("hostile.json")
    resets(run, log, "json")
    with open(log, "rb") as file:
        said = file.read()
    wrong = complaints(said, "the log")
    told = [json.loads(line) for line in said.splitlines()]
    kinds = [event["event"] for event in told]
    assert kinds.count("rst") in (1, 2) and {event.get("pattern") for event in told} <= {
        "unread-close", None}, said
    symbols = [frame["symbol"] for event in told for frame in event.get("frames", [])]
    assert any("<script>" in (symbol or "") for symbol in symbols), f"the name is not there: {symbols}"
    for form in FORMATS:
        done = subprocess.run([run.settings.rstfix, "report", "--format", form, log],
                              capture_output=True, check=False, timeout=30)
        assert done.returncode in (0, 1) and done.stdout, f"{form}: {done.stderr}"
        wrong += complaints(done.stdout + done.stderr, form) if form != "html" else []
        if form == "junit":
            xml.dom.minidom.parseString(done.stdout)
        if form in ("json", "sarif"):
            json.loads(done.stdout)
        if form == "html" and done.stdout.count(b"<script") != page_scripts(run):
            wrong.append("the page holds a script of the log's")
    judge(wrong)


def page_scripts(run):
    """Of the page of a log that holds nothing."""
    done = subprocess.run([run.settings.rstfix, "report", "--format", "html",
                           run.path("empty.json", "")], capture_output=True, check=False)
    return done.stdout.count(b"<script")


@scenario(Works(), modes=SHIM)
def hostile_names_reach_no_terminal_by_top(run):
    folder = f"/dev/shm/rstfix-hostile-{os.getpid()}"
    os.mkdir(folder, 0o700)
    wrong = []
    try:
        resets(run, "none", "json", folder)
        assert os.listdir(folder), "nothing is counted there"
        for options in (["--once"], ["--format", "prometheus"]):
            done = subprocess.run([run.settings.rstfix, "top", *options, folder],
                                  capture_output=True, check=False, timeout=20)
            assert done.returncode == 0 and b"evil" in done.stdout, done
            wrong += complaints(done.stdout + done.stderr, str(options))
            wrong += ["a forged line"] if b'\n{"v"' in done.stdout else []
    finally:
        for name in os.listdir(folder):
            os.remove(os.path.join(folder, name))
        os.rmdir(folder)
    judge(wrong)


def logged_to(run, path, **options):
    env = {"RSTFIX_LOG": path, "RSTFIX_FORMAT": "text"}
    program = run.run(run.victim("resets"), 3, env=env, **options)
    assert (program.process.returncode, program.out) == (0, "done 3\n"), program.err
    return program


@scenario(Works(), modes=SHIM)
def a_log_is_its_owners_alone_whatever_the_umask(run):
    path = run.path("own.log")
    logged_to(run, path, umask=0)
    assert os.stat(path).st_mode & 0o7777 == 0o600, oct(os.stat(path).st_mode)


def open_folder(run, mode):
    folder = run.path("everybody")
    os.mkdir(folder)
    os.chmod(folder, mode)
    return folder


def not_taken(run, path, target):
    program = logged_to(run, path)
    assert os.path.getsize(target) == 0, "the log went there"
    assert "everybody can write to" in program.err, f"it is not told: {program.err!r}"
    assert "[unread-close, " in program.err, "no event on standard error"


@scenario(Works(), modes=SHIM, root=True)
def a_link_in_a_folder_of_everybodys_leads_no_log_astray(run):
    target, folder = run.path("target", ""), open_folder(run, 0o777)
    path = os.path.join(folder, "log")
    os.symlink(target, path)
    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    not_taken(run, path, target)


@scenario(Works(), modes=SHIM, root=True)
def a_file_that_another_user_has_put_there_gets_no_log(run):
    folder = open_folder(run, 0o1777)
    path = os.path.join(folder, "log")
    with open(path, "wb"):
        os.chown(path, NOBODY, NOBODY)
    not_taken(run, path, path)


@scenario(Works(), modes=SHIM)
def a_log_in_a_folder_of_everybodys_is_written(run):
    path = os.path.join(open_folder(run, 0o1777), "log")
    program = logged_to(run, path)
    with open(path, encoding="utf-8") as file:
        assert file.read().count("[unread-close, ") == 3, program.err


@scenario(Works(), modes=SHIM)
def a_link_in_a_folder_of_ones_own_is_followed(run):
    target, path = run.path("target", ""), run.path("link")
    os.symlink(target, path)
    logged_to(run, path)
    assert os.path.getsize(target) > 0, "nothing was written"
