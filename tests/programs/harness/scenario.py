# SPDX-License-Identifier: MIT
"""How scenarios are declared, and by what each run is judged.

A scenario is a function that gets a Run, drives real programs, and returns what the peer received
(a Transfer) or None. What it should come to in each mode is declared beside it.
"""

import dataclasses
import traceback
from collections import Counter

from . import events as log
from . import namespace
from .run import Run


class Skip(Exception):
    """Raised by a scenario that finds out while it runs that it cannot."""


MODES = ("bare", "audit", "fix")
ALL = []


@dataclasses.dataclass
class Resets:
    """Bare it resets its peer; audit names that; fix turns it into FIN and all bytes arrive."""
    pattern: str
    ops: tuple = ("close",)
    role: str = None
    module: str = ""     # a part of some module's name on the stack
    loses: bool = True   # bytes are lost to the RST
    mended: bool = True
    intent: str = None
    unread: int = None   # exactly that many bytes, where the scenario knows

    @property
    def said(self):
        return {"bare": "resets its peer", "audit": "is named by audit",
                "fix": "is mended by fix" if self.mended else "is named and left alone by fix"}

    def judge(self, run, transfer, rsts, told):
        wrong = []
        mended = self.mended and run.mode == "fix"
        if mended and rsts:
            wrong.append(f"{rsts} RST sent, none expected")
        if not mended and not rsts:
            wrong.append("no RST sent: the program does not do here what this scenario is about")
        if transfer is not None:
            lost = transfer.received < transfer.expected
            if mended and (lost or transfer.end != "FIN"):
                wrong.append(f"the peer did not get everything: {transfer}")
            if not mended and self.loses and not lost:
                wrong.append(f"nothing was lost: {transfer}")
        if not run.bare:
            wrong += self.judge_events(run.mode, told)
        return wrong

    def judge_events(self, mode, told):
        mine = [event for event in told if event["pattern"] == self.pattern]
        if not mine:
            return [f"no {self.pattern} event"]
        wrong = []
        outcomes = log.MENDED if mode == "fix" and self.mended else {"reset"}
        action = "fix" if mode == "fix" and self.mended else "log"
        for event in mine:
            checks = [("op", event["op"] in self.ops),
                      ("role", self.role in (None, event["role"])),
                      ("intent", self.intent in (None, event.get("intent"))),
                      ("action", event["action"] == action),
                      ("outcome", event["outcome"] in outcomes),
                      ("unread", self.pattern != "unread-close" or event["unread"] > 0),
                      ("unread", self.unread in (None, event["unread"])),
                      ("unsent", not self.loses or event["unsent"] > 0)]
            wrong += [f"the event's {name} is wrong: {log.brief(event)}"
                      for name, right in checks if not right]
        stacks = [log.modules(event) for event in mine if event.get("frames")]
        if not stacks:
            wrong.append("no event carries a stack")
        elif not any(self.module in name for stack in stacks for name in stack):
            wrong.append(f"no frame in {self.module}: {stacks[0]}")
        return wrong


@dataclasses.dataclass
class Clean:
    """No RST and no event, in any mode; all bytes arrive."""
    said = {"bare": "ends with FIN", "audit": "is no event in audit", "fix": "is left alone by fix"}

    def judge(self, run, transfer, rsts, told):
        wrong = [f"{rsts} RST sent, none expected"] if rsts else []
        if transfer is not None and (transfer.received, transfer.end) != (transfer.expected, "FIN"):
            wrong.append(f"the peer did not get everything: {transfer}")
        return wrong + [f"an event, none expected: {log.brief(event)}" for event in told]


@dataclasses.dataclass
class Works:
    """The function itself asserts what matters; RSTs and events are not judged."""
    said = {"bare": "works", "audit": "works the same in audit", "fix": "works the same in fix"}

    def judge(self, run, transfer, rsts, told):
        return []


@dataclasses.dataclass
class Scenario:
    name: str
    function: object
    expect: object
    needs: tuple
    quick: bool
    modes: tuple
    root: bool
    seconds: int

    def title(self, mode):
        return f"{self.name.replace('_', ' ')}: {self.expect.said[mode]}"


def scenario(expect, needs=(), quick=True, modes=MODES, root=False, seconds=None):
    """Declares a scenario. needs: programs without which it is skipped. quick: part of --quick.
    root: needs a root that can change to other users. seconds: how long one run may take, where
    that is longer than usual."""
    def declare(function):
        ALL.append(Scenario(function.__name__, function, expect, needs, quick, modes, root,
                            seconds))
        return function
    return declare


def carry_out(case, mode, settings):
    """Runs one scenario in one mode, in this process, which is a fresh child with one thread.

    Returns what is wrong, what helps to understand it, and why it was skipped or None.
    """
    namespace.adopt_orphans()
    namespace.enter()
    run = Run(mode, settings)
    wrong, notes = [], []
    try:
        try:
            transfer = case.function(run)
        except AssertionError as error:
            wrong.append(str(error) or traceback.format_exc())
            transfer = None
        rsts, reasons = run.rsts(), run.reasons()
        all_events, complaints = run.events()
        told = log.resets(all_events)
        if not wrong:
            wrong = case.expect.judge(run, transfer, rsts, told)
        wrong += complaints
        if run.traced and reasons is not None and len(reasons) != rsts:
            wrong.append(f"{rsts} RST counted, but {len(reasons)} traced: {reasons}")
        if wrong:
            notes = [f"RSTs {rsts} {dict(Counter(reasons or ()))}", f"peer: {transfer}"]
            notes += [log.brief(event) for event in all_events[:8]] + run.told()
    except Skip as reason:
        return [], [], str(reason)
    finally:
        run.close()
    return wrong, notes, None
