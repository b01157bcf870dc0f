# SPDX-License-Identifier: MIT
"""Reads the shim's log of JSON lines, and holds each event against what the format promises."""

import json

PATTERNS = {"unread-close", "linger-zero", "linger2-negative", "shutdown-read", "late-data",
            "listener-close", "disconnect", "write-after-close", "peer-reset", "connect-refused",
            "timed-out"}
ACTIONS = {"ignore", "log", "fix", "trap", "abort"}
OUTCOMES = {"reset", "averted", "lingering", "delivered", "expired", "failed", "shared", "seen"}
HARMS = {"output-lost", "reset-seen", "quiet"}
MENDED = {"averted", "delivered"}
KEYS = ("v", "time", "event", "pattern", "op", "action", "outcome", "program", "pid", "tid", "fd",
        "role", "local", "peer", "state", "unread", "unsent", "stack_id", "sock", "seq")


def parse(text):
    """(events, complaints) of a log."""
    events, wrong = [], []
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            wrong.append(f"the log holds a line that is no JSON: {line[:200]!r}")
            continue
        events.append(event)
        wrong += complaints(event)
    return events, wrong


def complaints(event):
    if not isinstance(event, dict) or event.get("v") != 1:
        return [f"an event without \"v\":1: {event}"]
    if event.get("event") != "rst":
        return []
    wrong = [f"an event without {key}: {brief(event)}" for key in KEYS if key not in event]
    for key, legal in (("pattern", PATTERNS), ("action", ACTIONS), ("outcome", OUTCOMES),
                       ("harm", HARMS | {None})):
        if event.get(key) not in legal:
            wrong.append(f"an event with {key} {event.get(key)!r}: {brief(event)}")
    return wrong


def resets(events):
    """One event for each close: where a close was told twice (lingering, then its end), the end."""
    last = {}
    for number, event in enumerate(events):
        if event.get("event") == "rst" and event.get("pattern") in PATTERNS:
            key = (event.get("pid"), event.get("sock") or -number, event.get("pattern"))
            last[key] = {**last.get(key, {}), **event}  # the stack stands in the first line
    return list(last.values())


def brief(event):
    """What one needs to see of an event in a failure: everything but the stacks."""
    short = {key: value for key, value in event.items()
             if key not in ("frames", "armed_by", "boot_id", "host", "time")}
    frames = event.get("frames") or []
    short["frames"] = [frame.get("symbol") or frame.get("module") for frame in frames[:6]]
    return json.dumps(short)


def modules(event):
    return [frame.get("module") or "" for frame in event.get("frames") or []]
