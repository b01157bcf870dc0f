# SPDX-License-Identifier: MIT
"""Other people's test suites: run bare, under audit and under fix, and held against each other.

Tests whose results are others under the shim are run again without the rest, in that mode and bare:
what then comes out as it did in the other was decided by chance, and is told as such in the table
that each run leaves in the build folder.
"""

import dataclasses
import glob
import os
import re
import xml.etree.ElementTree
from collections import Counter

from harness.run import PYTHON
from harness.scenario import Skip, Works, scenario

SHIM = ("audit", "fix")
AGAIN = 3
ENDED = {"status 0": "passed", "status 77": "skipped"}
FIND = "import importlib.util, sys; sys.exit(not importlib.util.find_spec(sys.argv[1]))"
TAP = re.compile(r"(not )?ok \d+(?: -)? *(.*?) *(?:# *(skip|todo)\b.*)?$", re.IGNORECASE)


@dataclasses.dataclass
class Suite:
    """Each kind says what is missing, and what came of the tests: all, or those named.

    explained: {test: why fix gives another result}, of tests that test the RST itself, by their
    names or the last part of them. seconds: how long one run of all may take on a busy machine.
    """
    name: str
    explained: dict = dataclasses.field(default_factory=dict)
    seconds: int = 280

    def missing(self, run):
        """What it lacks here, or None."""

    def results(self, run, env, names=()):
        """{name of a test: what came of it}."""


def has_module(run, name):
    return run.run(PYTHON, "-c", FIND, name, shim=False).process.returncode == 0


def short(name):
    return re.split(r"[.:]", name.partition("[")[0])[-1]


class Junit(Suite):
    """Ends with its results in a file, as JUnit writes them."""

    def argv(self, told, names):
        """The command that writes them to the file told."""

    def results(self, run, env, names=()):
        told = run.path("junit.xml")
        if os.path.exists(told):
            os.unlink(told)
        program = run.start(*self.argv(told, names), shim=False, env=env)
        program.wait(self.seconds)
        assert os.path.exists(told), f"{program.out[-500:]} {program.err[-500:]}"
        cases = xml.etree.ElementTree.parse(told).iter("testcase")
        return {self.full_name(case): status_of(case) for case in cases}

    def full_name(self, case):
        return f"{case.get('classname')}.{case.get('name')}"


def status_of(case):
    for status in ("failure", "error", "skipped"):
        if case.find(status) is not None:
            return status
    return "passed"


@dataclasses.dataclass
class Regrtest(Junit):
    """A module of CPython's. ignored: patterns of tests that are not run."""
    ignored: tuple = ()

    def missing(self, run):
        if not has_module(run, f"test.{self.name}"):
            return f"test.{self.name} is not installed (libpython3.11-testsuite)"
        return None

    def argv(self, told, names):
        return (PYTHON, "-m", "test", "-u", "network", "--junit-xml", told,
                *(word for pattern in self.ignored for word in ("-i", pattern)),
                *(word for name in names for word in ("-m", short(name))), self.name)

    def full_name(self, case):
        return case.get("name")


@dataclasses.dataclass
class Pytest(Junit):
    """Modules that pytest collects; the options are pytest's."""
    modules: tuple = ()
    options: tuple = ()
    package: str = ""

    def missing(self, run):
        for module, package in (("pytest", "python3-pytest"), (self.modules[0], self.package)):
            if not has_module(run, module.partition(".")[0]) or not has_module(run, module):
                return f"{module} is not installed ({package})"
        return None

    def argv(self, told, names):
        chosen = " or ".join(sorted({short(name) for name in names}))
        return ("/usr/bin/env", "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1", PYTHON, "-m", "pytest", "-q",
                "-p", "no:cacheprovider", "-p", "no:faulthandler", "--junit-xml", told,
                *self.options, *(("-k", chosen) if chosen else ()), "--pyargs", *self.modules)


@dataclasses.dataclass
class Programs(Suite):
    """Programs that print TAP, run in a folder. A result of its own is how each of them ended.

    programs: patterns of their names in the folder; before: what starts each of them.
    """
    folder: str = ""
    programs: tuple = ()
    before: tuple = ()
    options: tuple = ()
    package: str = ""

    def found(self, run):
        folder = os.path.join(run.settings.builddir, self.folder)
        names = (name for pattern in self.programs for name in glob.glob(pattern, root_dir=folder))
        return folder, sorted(names)

    def missing(self, run):
        return None if self.found(run)[1] else f"there are no tests of {self.package}"

    def results(self, run, env, names=()):
        folder, programs = self.found(run)
        came = {}
        for name in sorted({name.partition(":")[0] for name in names} or programs):
            argv = (*self.before, os.path.join(folder, name), *self.options)
            program = run.start("/usr/bin/env", "-C", folder, *argv, shim=False, env={
                "G_TEST_SRCDIR": folder, "G_TEST_BUILDDIR": folder, **env})
            try:
                came[f"{name}: exit"] = f"status {program.wait(self.seconds)}"
            except AssertionError:
                came[f"{name}: exit"] = "never"
            came.update((f"{name}: {number} {test}", status)
                        for number, (test, status) in enumerate(tap(program.out), 1))
        return {name: ENDED.get(status, status) for name, status in came.items()}


def tap(text):
    for line in text.splitlines():
        hit = TAP.match(line)
        if hit:
            failed, name, directive = hit.groups()
            yield name, "skipped" if directive else "failure" if failed else "passed"


@dataclasses.dataclass
class Ruby(Suite):
    """Tests of the Ruby that is installed, out of its source."""
    source: str = ""
    tests: tuple = ()

    def folder(self, run):
        return os.path.join(run.settings.builddir, self.source)

    def missing(self, run):
        if not os.path.exists("/usr/bin/ruby"):
            return "ruby is not installed"
        found = os.path.isdir(self.folder(run))
        return None if found else "there is no source of it"

    def results(self, run, env, names=()):
        folder = self.folder(run)
        chosen = (word for name in names for word in ("-n", name.partition("#")[2]))
        program = run.start("/usr/bin/ruby", f"-I{folder}/tool/lib", f"{folder}/test/runner.rb",
                            "-v", *chosen, *(f"{folder}/test/{test}" for test in self.tests),
                            shim=False, env=env)
        program.wait(self.seconds)
        came = dict.fromkeys(re.findall(r"^\[ *\d+/\d+\] (\S+#\S+) =", program.out, re.M),
                             "passed")
        for status, name in re.findall(r"\) (Failure|Error|Skipped):\n(\S+#[^\s:]+)", program.out):
            came[name] = status.lower()
        return came


def environment(run, mode):
    return {} if mode == "bare" else {**run.shim_env(), "RSTFIX_MODE": mode}


def by_chance(run, suite, mode, bare, here, names):
    """Those of the names whose tests, run again by themselves, come out as in the other mode."""
    left = set(names)
    for again, wanted in [(mode, bare), ("bare", here)] * AGAIN:
        if not left:
            break
        came = suite.results(run, environment(run, again), tuple(sorted(left)))
        left -= {name for name in left if came.get(name) == wanted.get(name)}
    return set(names) - left


def differences(run, suite, mode, bare, here):
    """Of each test that has another result: its name, whether that is a fault, and why."""
    other = [name for name in sorted(set(bare) | set(here)) if bare.get(name) != here.get(name)]
    known = {name: suite.explained[key] for name in other for key in (name, short(name))
             if mode == "fix" and key in suite.explained}
    chance = by_chance(run, suite, mode, bare, here, set(other) - set(known))
    for name in other:
        if name in known:
            yield name, False, known[name]
        elif name in chance:
            yield name, False, "decided by chance"
        else:
            yield name, True, f"{here.get(name)}, bare {bare.get(name)}"


def write_table(run, suite, table, told):
    path = os.path.join(run.settings.builddir, f"suite-{suite.name}.txt")
    with open(path, "w", encoding="utf-8") as file:
        for mode, came in table.items():
            counts = Counter(came.values())
            print(f"{suite.name:<34} {mode:<6}", ", ".join(
                f"{counts[status]} {status}" for status in sorted(counts)), file=file)
        for mode, name, _, reason in told:
            print(f"{suite.name:<34} {mode:<6} {name}: {reason}", file=file)


def same_results(run, suite):
    lack = suite.missing(run)
    if lack:
        raise Skip(lack)
    run.traced = False
    table = {mode: suite.results(run, environment(run, mode)) for mode in ("bare", *SHIM)}
    assert "passed" in table["bare"].values(), "no test passed bare"
    told = [(mode, *found) for mode in SHIM
            for found in differences(run, suite, mode, table["bare"], table[mode])]
    write_table(run, suite, table, told)
    wrong = [f"{mode}: {name}: {reason}" for mode, name, fault, reason in told if fault]
    assert not wrong, "\n".join(wrong)


def declare(suite, title, quick=False):
    def case(run):
        same_results(run, suite)

    case.__name__ = title
    seconds = None if quick else 6 * suite.seconds  # three runs, and what is repeated
    scenario(Works(), quick=quick, modes=("fix",), seconds=seconds)(case)
