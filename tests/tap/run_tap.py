#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What tests/run-tap makes of suites that pass, fail, die and lie. Prints TAP."""

import os
import re
import subprocess
import sys
import time

RUN_TAP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "run-tap")
GOOD = "printf '1..2\\nok 1 - a\\nok 2 - b # SKIP no such thing\\n'"


def run(*suites, options=()):
    done = subprocess.run([RUN_TAP, *options, *suites], capture_output=True, text=True, timeout=60,
                          check=False)
    return done.returncode, done.stdout.splitlines()


def row(lines, name):
    """The figures of a suite's row in the closing table."""
    return next(line[len(name):].split() for line in lines if re.match(f"{name} +[0-9.]+( |$)", line))


def judge(command, expected, said):
    status, lines = run(f"s={command}", options=("--timeout", "1"))
    counts = [int(number) for number in row(lines, "s")[1:]]
    assert (status, counts) == expected, (status, counts)
    assert lines[-1] == f"{counts[0]} passed, {counts[1]} failed, {counts[2]} skipped", lines[-1]
    assert any(said in line for line in lines), lines


def what_passes_and_what_is_skipped_is_counted():
    judge(GOOD, (0, [1, 0, 1]), "s: b: no such thing")


def a_failure_is_shown_with_its_reason():
    judge("printf '1..1\\nnot ok 1 - a\\n# because\\n'", (1, [0, 1, 0]), "because")


def a_suite_that_dies_has_failed():
    judge("printf '1..1\\nok 1 - a\\n'; kill -SEGV $$", (1, [1, 1, 0]), "died by SIGSEGV")


def a_suite_that_outlives_its_time_has_failed():
    judge("printf '1..1\\nok 1 - a\\n'; sleep 30", (1, [1, 1, 0]), "still running after 1 s")


def a_suite_that_ran_less_than_it_planned_has_failed():
    judge("printf '1..2\\nok 1 - a\\n'", (1, [1, 1, 0]), "planned 2 tests, ran 1")


def a_suite_without_a_plan_has_failed():
    judge("true", (1, [0, 1, 0]), "printed no plan")


def a_bad_status_is_a_failure_though_every_test_passed():
    judge("printf '1..1\\nok 1 - a\\n'; exit 3", (1, [1, 1, 0]), "exit status 3")


def the_closing_table_has_every_suite_with_its_time_and_what_came_before():
    since = ("--since", f"{time.time() - 100:.1f}")
    status, lines = run(f"one={GOOD}", f"another=sleep 0.5; {GOOD}", options=since)
    assert status == 0, lines
    assert float(row(lines, "one")[0]) < 0.5 <= float(row(lines, "another")[0]), lines
    assert 100 <= float(row(lines, "setup, build")[0]) < 110, lines
    seconds, *counts = row(lines, "all in all")
    assert 100.5 <= float(seconds) < 115 and counts == ["2", "0", "2"], lines
    assert lines[-2:] == ["", "2 passed, 0 failed, 2 skipped"], lines


def what_failed_is_named_once_more_at_the_end():
    status, lines = run("one=printf '1..1\\nnot ok 1 - a\\n# because\\n'", f"another={GOOD}", "last=true")
    assert status == 1, lines
    assert lines[-3:] == ["failed: one: a", "failed: last: printed no plan, exit status 0",
                          "1 passed, 2 failed, 1 skipped"], lines


TESTS = (what_passes_and_what_is_skipped_is_counted, a_failure_is_shown_with_its_reason,
         a_suite_that_dies_has_failed, a_suite_that_outlives_its_time_has_failed,
         a_suite_that_ran_less_than_it_planned_has_failed, a_suite_without_a_plan_has_failed,
         a_bad_status_is_a_failure_though_every_test_passed,
         the_closing_table_has_every_suite_with_its_time_and_what_came_before,
         what_failed_is_named_once_more_at_the_end)


def main():
    print(f"1..{len(TESTS)}")
    bad = 0
    for number, test in enumerate(TESTS, 1):
        try:
            test()
            print(f"ok {number} - {test.__name__}")
        except AssertionError as error:
            bad = 1
            print(f"not ok {number} - {test.__name__}\n# {error!r}")
    return bad


if __name__ == "__main__":
    sys.exit(main())
