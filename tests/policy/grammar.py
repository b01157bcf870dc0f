#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The grammar that rstfix-policy(5) prints is the one that is parsed. Prints TAP.

Rules are made of the grammar by chance (the seed is fixed), parsed, printed, and parsed and printed
again. What the parser allows, as it says itself, is what the page allows.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rulegrammar  # noqa: E402

RULES, SEED, EVENTS = 3000, 20261123, 40


class Policies:
    """`rstfix policy` on texts."""

    def __init__(self, command, folder):
        self.command, self.path = command, os.path.join(folder, "policy")

    def run(self, what, text, *options):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)
        return subprocess.run([self.command, "policy", what, self.path, *options],
                              capture_output=True, text=True, check=False)

    def printed(self, text):
        done = self.run("print", text)
        assert done.returncode == 0, done.stderr[:2000]
        return done.stdout

    def allowed(self, text):
        """What the complaint about this text says is allowed."""
        done = self.run("check", text)
        assert done.returncode == 2, f"{text!r} is accepted"
        return re.search(r"; allowed: (.*)", done.stderr)[1]


def made_rules(grammar):
    maker = rulegrammar.Maker(grammar, SEED)
    return maker, [maker.rule() for _ in range(RULES)]


def every_rule_of_the_grammar_is_parsed(policies, grammar):
    _, rules = made_rules(grammar)
    done = policies.run("check", "\n".join(rules))
    assert done.returncode == 0, done.stderr[:2000]


def rules_are_made_of_every_alternative(_policies, grammar):
    maker, _ = made_rules(grammar)
    missing = [(name, number) for name, alternatives in grammar.items()
               for number in range(len(alternatives)) if (name, number) not in maker.used]
    assert not missing, f"never used: {missing}"


def what_is_printed_is_parsed_and_printed_the_same(policies, grammar):
    _, rules = made_rules(grammar)
    once = policies.printed("\n".join(rules))
    assert once.count("\n") == RULES, f"{once.count(chr(10))} rules printed of {RULES}"
    assert policies.printed(once) == once
    assert policies.printed(once.replace("\n", " ;; \t")) == once, "semicolons and blanks matter"


def what_is_printed_decides_the_same(policies, grammar):
    maker, rules = made_rules(grammar)
    few = rules[:300]
    once = policies.printed("\n".join(few))
    for _ in range(EVENTS):
        options = ["--pattern", maker.random.choice(rulegrammar.literals(grammar, "pattern")[1:]),
                   "--role", maker.rule("role"), "--port", maker.port(), "--peer-port",
                   maker.port(), "--peer", maker.random.choice((maker.ipv4(), maker.ipv6())),
                   "--program", maker.glob(), "--op", maker.rule("op")]
        decided = [policies.run("explain", text, *options).stdout.count("\n")
                   for text in ("\n".join(few), once)]
        assert decided[0] == decided[1] > 0, f"{options}: {decided}"


def the_parser_allows_the_words_that_the_page_allows(policies, grammar):
    keys = [items[0][1].rstrip("=") for items in grammar["condition"]]
    for text, words in (("x -> log", rulegrammar.literals(grammar, "pattern")),
                        ("* op=x -> log", rulegrammar.literals(grammar, "op")),
                        ("* role=x -> log", rulegrammar.literals(grammar, "role")),
                        ("* intent=x -> log", rulegrammar.literals(grammar, "intent")),
                        ("* status=x -> log", rulegrammar.literals(grammar, "status")),
                        ("* -> x", rulegrammar.literals(grammar, "action")),
                        ("* x=1 -> log", keys)):
        said = policies.allowed(text).replace(", each as KEY=VALUE", "").split(", ")
        assert sorted(said) == sorted(words), f"{text!r}: {said} and not {words}"


def a_slip_of_the_finger_is_told_with_line_and_column(policies, _grammar):
    told = 0
    for text, _ in zip(rulegrammar.mutants(SEED), range(400)):
        done = policies.run("check", text)
        if done.returncode == 0:
            continue
        places = re.findall(r"policy:(\d+):(\d+): \"", done.stderr)
        assert done.returncode == 2 and places, f"{text!r}: {done.stderr!r}"
        lines = text.split("\n")
        for line, column in places:
            assert int(line) <= len(lines) and int(column) <= len(lines[int(line) - 1]) + 1, (
                f"{text!r}: there is no {line}:{column}")
        told += 1
    assert told >= 200, f"only {told} of 400 did not parse"


TESTS = [every_rule_of_the_grammar_is_parsed, rules_are_made_of_every_alternative,
         what_is_printed_is_parsed_and_printed_the_same, what_is_printed_decides_the_same,
         the_parser_allows_the_words_that_the_page_allows,
         a_slip_of_the_finger_is_told_with_line_and_column]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rstfix", default="build/rstfix", help="the command")
    args = parser.parse_args()
    grammar = rulegrammar.read()
    failed = False
    print(f"1..{len(TESTS)}")
    with tempfile.TemporaryDirectory(prefix="rstfix-policy-") as folder:
        policies = Policies(os.path.abspath(args.rstfix), folder)
        for number, test in enumerate(TESTS, 1):
            try:
                test(policies, grammar)
                print(f"ok {number} - {test.__name__}", flush=True)
            except AssertionError as error:
                failed = True
                print(f"not ok {number} - {test.__name__}")
                print("\n".join(f"# {line}" for line in str(error).splitlines()), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
