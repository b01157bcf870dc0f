# SPDX-License-Identifier: MIT
"""Reads the grammar that rstfix-policy(5) prints, and makes rules of it."""

import os
import random
import re

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../man/rstfix-policy.5")
TOKEN = re.compile(r'"([^"]*)"|([a-z]+)|([A-Z][A-Z0-9]*)|([\[\]{}|])')
GLOB_FIRST = "abz09*?._-+"
GLOB_REST = GLOB_FIRST + "=!#:>/"


def read(path=PAGE):
    """{name: its alternatives, each a list of items}. An item is (kind, what)."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    text = text[text.index("BEGIN grammar"):text.index("END grammar")].split("\n", 1)[1]
    parts = re.split(r"^([a-z]+) *= ", text, flags=re.M)
    return {name: parse(tokens(body)) for name, body in zip(parts[1::2], parts[2::2])}


def tokens(body):
    found = []
    for match in TOKEN.finditer(body.rsplit('.\\"', 1)[0]):
        literal, rule, terminal, sign = match.groups()
        kind = ("literal" if literal is not None else "rule" if rule else
                "terminal" if terminal else "sign")
        found.append((kind, match[1] if kind == "literal" else rule or terminal or sign))
    return found


def parse(found):
    """Takes tokens off the front up to a closing sign, which is taken too."""
    alternatives = [[]]
    while found:
        kind, what = found.pop(0)
        if (kind, what) == ("sign", "|"):
            alternatives.append([])
        elif kind == "sign" and what in "]}":
            break
        elif kind == "sign":
            alternatives[-1].append(({"[": "maybe", "{": "many"}[what], parse(found)))
        else:
            alternatives[-1].append((kind, what))
    return alternatives


def literals(grammar, name):
    """The words that a rule of literals allows."""
    return [items[0][1] for items in grammar[name] if items[0][0] == "literal"]


class Maker:
    """Makes texts of the grammar; which alternatives were used is remembered."""

    def __init__(self, grammar, seed):
        self.grammar, self.random, self.used = grammar, random.Random(seed), set()

    def rule(self, name="rule"):
        return self.make(self.grammar[name], name)

    def make(self, alternatives, name):
        number = self.random.randrange(len(alternatives))
        self.used.add((name, number))
        return self.sequence(alternatives[number], name)

    def sequence(self, items, name):
        text = "".join(self.item(kind, what, name) for kind, what in items)
        if name == "ports" and "-" in text:  # as the page says of a range
            text = "-".join(sorted(text.split("-"), key=int))
        return text

    def item(self, kind, what, name):
        if kind == "literal":
            return what
        if kind == "terminal":
            return getattr(self, what.lower())()
        if kind == "rule":
            return self.rule(what)
        if kind == "maybe":
            return self.make(what, name + "?") if self.random.random() < 0.3 else ""
        return self.many(what[0], name)

    def many(self, items, name):
        """Of keys and options each comes once at most: as the page says."""
        if items[0] == ("literal", " ") and items[1][0] == "rule":
            alternatives = self.grammar[items[1][1]]
            count = min(self.random.choice((0, 1, 1, 2, 2, 3, 9)), len(alternatives))
            chosen = self.random.sample(range(len(alternatives)), count)
            self.used.update((items[1][1], number) for number in chosen)
            return "".join(" " + self.sequence(alternatives[number], items[1][1])
                           for number in chosen)
        count = self.random.choice((0, 0, 0, 1, 2, 5))
        return "".join(self.sequence(items, name) for _ in range(count))

    # --- what the page describes in words ---

    def port(self):
        return str(self.random.choice((1, 80, 8080, 65535, self.random.randint(1, 65535))))

    def ipv4(self):
        return ".".join(str(self.random.choice((0, 10, 255, self.random.randint(0, 255))))
                        for _ in range(4))

    def ipv6(self):
        groups = [f"{self.random.choice((0, 1, self.random.randint(0, 65535))):x}"
                  for _ in range(8)]
        at = self.random.randrange(7)
        return self.random.choice((":".join(groups), ":".join(groups[:at]) + "::",
                                   "::" + ":".join(groups[at + 1:]), "::ffff:" + self.ipv4()))

    def bits4(self):
        return str(self.random.randint(0, 32))

    def bits6(self):
        return str(self.random.randint(0, 128))

    def glob(self):
        rest = "".join(self.random.choice(GLOB_FIRST) for _ in range(self.random.randint(0, 12)))
        return self.random.choice(GLOB_FIRST) + rest

    def time(self):
        return self.random.choice(("0", "500ms", "2s", "1m", "60m", "3600s",
                                   f"{self.random.randint(0, 3600000)}ms"))

    def size(self):
        return self.random.choice(("1", "4096", "64K", "1M", "2G", "1024G",
                                   str(self.random.randint(1, 1 << 40))))

    def rate(self):
        return str(self.random.choice((0, 1, 1000000, self.random.randint(0, 1000000))))


def mutants(seed):
    """Endless policies of a few rules with one thing wrong in them, as slips of a finger are."""
    maker = Maker(read(), seed)
    dice = maker.random
    while True:
        lines = [maker.rule() for _ in range(dice.randint(1, 4))]
        at = dice.randrange(len(lines))
        lines[at] = slip(lines[at], dice)
        yield "\n".join(lines)


def slip(line, dice):
    words = line.split(" ")
    word = dice.randrange(len(words))
    place = dice.randrange(len(line))
    return dice.choice((
        lambda: line[:place] + dice.choice("xX=!,->~\x01 ") + line[place:],
        lambda: line[:place] + line[place + 1:],
        lambda: line[:place] + line[place].swapcase() + line[place + 1:],
        lambda: " ".join(words[:word] + words[word + 1:]),
        lambda: " ".join(words[:word] + [words[word]] + words[word:]),
        lambda: line.replace("->", dice.choice(("=>", "", ">", "- >", "->->"))),
        lambda: line[:place + 1],
    ))()
