# SPDX-License-Identifier: MIT
"""Other people's tests: CPython's own, bare, under audit and under fix. The same must come of each.

A test whose result is another under the shim is run again, alone: what then comes out as bare was
decided by chance, and is told as such in the table that each run leaves in the build folder.
"""

import os
import xml.etree.ElementTree
from collections import Counter

from harness.run import PYTHON
from harness.scenario import Skip, Works, scenario

SHIM = ("audit", "fix")
AGAIN = 3
FIND = "import importlib.util, sys; sys.exit(not importlib.util.find_spec(sys.argv[1]))"

QUICK = ("test_httplib", "test_socketserver", "test_epoll", "test_wsgiref", "test_select")
SLOW = ("test_socket", "test_ssl", "test_asyncio", "test_httpservers", "test_urllib2_localnet",
        "test_ftplib", "test_smtplib", "test_imaplib", "test_poplib", "test_telnetlib",
        "test_asyncore", "test_asynchat", "test_logging", "test_subprocess", "test_os",
        "test_posix", "test_signal", "test_threading", "test_selectors", "test_poll",
        "test_xmlrpc", "test_pty", "test_multiprocessing_fork", "test_multiprocessing_spawn",
        "test_multiprocessing_forkserver")

# What they test is the RST itself; only where fix takes it away.
EXPLAINED = {
    "test_preauth_data_to_tls_client": "its server closes with unread data, and it wants the error "
                                       "of a connection that is gone",
    "test_handle_close_after_conn_broken": "its client never reads, writes on after the FIN, and "
                                           "waits for a RST to be told of it",
    "test_sendfile_close_peer_in_the_middle_of_receiving":
        "its peer closes with most of the file unread, and it wants ConnectionError of sendfile",
    "test_sendfile_fallback_close_peer_in_the_middle_of_receiving":
        "the same without os.sendfile",
}


def status_of(case):
    for status in ("failure", "error", "skipped"):
        if case.find(status) is not None:
            return status
    return "passed"


def results(run, mode, module, *selected, timeout=280):
    """What came of each test: {name: passed, failure, error, skipped}."""
    told = run.path(f"{mode}.xml")
    if os.path.exists(told):
        os.unlink(told)
    env = {} if mode == "bare" else {**run.shim_env(), "RSTFIX_MODE": mode}
    program = run.start(PYTHON, "-m", "test", "-u", "network", "--junit-xml", told,
                        *(word for name in selected for word in ("-m", name)), module,
                        shim=False, env=env)
    program.wait(timeout)
    assert os.path.exists(told), f"{mode}: {program.out[-500:]} {program.err[-500:]}"
    cases = xml.etree.ElementTree.parse(told).iter("testcase")
    return {case.get("name"): status_of(case) for case in cases}


def short(name):
    return name.rsplit(".", maxsplit=1)[-1]


def by_chance(run, mode, module, name, bare):
    return any(results(run, mode, module, short(name)).get(name) == bare for _ in range(AGAIN))


def write_table(run, module, table, reasons):
    path = os.path.join(run.settings.builddir, f"suite-{module}.txt")
    with open(path, "w", encoding="utf-8") as file:
        for mode, came in table.items():
            counts = Counter(came.values())
            print(f"{module:<34} {mode:<6}", ", ".join(
                f"{counts[status]} {status}" for status in sorted(counts)), file=file)
        for mode, name, reason in reasons:
            print(f"{module:<34} {mode:<6} {name}: {reason}", file=file)


def same_results(run, module):
    found = run.run(PYTHON, "-c", FIND, f"test.{module}", shim=False)
    if found.process.returncode != 0:
        raise Skip(f"test.{module} is not installed (libpython3.11-testsuite)")
    run.traced = False
    table = {mode: results(run, mode, module) for mode in ("bare", *SHIM)}
    assert table["bare"], "no test was run"
    reasons, wrong = [], []
    for mode in SHIM:
        for name in sorted(set(table["bare"]) | set(table[mode])):
            bare, here = table["bare"].get(name), table[mode].get(name)
            if bare == here:
                continue
            if mode == "fix" and short(name) in EXPLAINED:
                reasons.append((mode, name, EXPLAINED[short(name)]))
            elif by_chance(run, mode, module, name, bare):
                reasons.append((mode, name, "decided by chance"))
            else:
                wrong.append(f"{mode}: {name}: {here}, bare {bare}")
    write_table(run, module, table, reasons)
    assert not wrong, "\n".join(wrong)


def declare(module, quick):
    def case(run):
        same_results(run, module)

    case.__name__ = f"cpythons_{module}"
    scenario(Works(), quick=quick, modes=("fix",))(case)


for name in QUICK + SLOW:
    declare(name, name in QUICK)
