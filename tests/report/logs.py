# SPDX-License-Identifier: MIT
"""Logs as the shim writes them, made line by line, and what they come to, summed up in plain Python."""

import json
import random

DAY = "2026-11-22T"
FRAMES = [{"module": "/usr/sbin/httpd", "build_id": "ab12", "offset": "0x41b2", "symbol": "reply+0x52"},
          {"module": None, "build_id": None, "offset": "0x7f0000001234", "symbol": None}]
ENDED = ("averted", "delivered", "expired", "failed")


def clock(second):
    minute, second = divmod(second, 60)
    hour, minute = divmod(int(minute), 60)
    return f"{DAY}{hour:02}:{minute:02}:{second:09.6f}Z"


def event(second=0.0, **members):
    """A dict in the shim's order; members replace or add."""
    line = {"v": 1, "time": clock(second), "event": "rst", "pattern": "unread-close", "op": "close",
            "action": "log", "outcome": "reset", "program": "httpd", "pid": 7, "tid": 7, "fd": 9,
            "role": "server", "local": "127.0.0.1:80", "peer": "10.0.0.1:40312",
            "state": "ESTABLISHED", "unread": 6, "unsent": 0, "linger": None, "harm": "quiet",
            "age_ms": 12, "stack_id": "00000000000000aa", "count": 1, "host": "db1", "boot_id": "b",
            "netns": 1, "sock": 4711, "start": 1763812800, "seq": 1, "rule": None}
    line.update(members)
    return line


def summary(second=0.0, callsites=(), **members):
    line = {"v": 1, "time": clock(second), "event": "summary", "program": "httpd", "pid": 7,
            "host": "db1", "boot_id": "b", "start": 1763812800, "events": 1, "lost": 0,
            "callsites": list(callsites)}
    line.update(members)
    return line


def text(*lines):
    """bytes are taken as they are."""
    return b"".join(line if isinstance(line, bytes)
                    else json.dumps(line, separators=(",", ":")).encode() + b"\n"
                    for line in lines)


def random_log(seed, count):
    """Three programs, many sockets, closes that linger and end; the rate held some back."""
    dice, lines, lingering = random.Random(seed), [], []
    for i in range(count):
        if lingering and dice.random() < 0.3:
            first = lingering.pop(dice.randrange(len(lingering)))
            line = dict(first, time=clock(i / 10), outcome=dice.choice(ENDED), count=1)
            line.pop("frames", None)
        else:
            unsent = dice.choice((0, dice.randrange(1, 4000000)))
            line = event(i / 10, program=dice.choice(("httpd", "resets", "lingers")),
                         stack_id=f"{dice.randrange(40):016x}", sock=i + 1, pid=dice.randrange(3),
                         outcome=dice.choice(("reset", "lingering", "shared")),
                         count=dice.choice((1, 1, 1, dice.randrange(2, 30))),
                         unread=dice.randrange(100000), unsent=unsent,
                         harm="output-lost" if unsent else "quiet",
                         peer=f"10.0.0.{dice.randrange(20)}:{dice.randrange(1024, 60000)}")
            if dice.random() < 0.01:
                line["frames"] = FRAMES
            if line["outcome"] == "lingering":
                lingering.append(line)
        lines.append(line)
    return lines


def summed(lines):
    """{(program, pattern, op, stack_id): figures}, of a log without summaries."""
    sites, lingering = {}, {}
    for line in lines:
        key = tuple(line[name] for name in ("program", "pattern", "op", "stack_id"))
        site = sites.setdefault(key, {"count": 0, "held": 0, "unread": 0, "destroyed": 0, "saved": 0,
                                      "outcomes": {}})
        socket = (line["pid"], line["sock"])
        site["held"] += line["count"] - 1
        if line["outcome"] == "lingering":
            site["count"] += line["count"] - 1
            lingering[socket] = site
            continue
        lingering.pop(socket, None)
        site["count"] += line["count"]
        site["unread"] += line["unread"]
        site["outcomes"][line["outcome"]] = site["outcomes"].get(line["outcome"], 0) + 1
        if line["outcome"] in ("reset", "expired", "failed") and line["harm"] == "output-lost":
            site["destroyed"] += line["unsent"]
        if line["outcome"] in ("averted", "delivered") and line["harm"] == "output-lost":
            site["saved"] += line["unsent"]
    for site in lingering.values():
        site["count"] += 1
        site["outcomes"]["lingering"] = site["outcomes"].get("lingering", 0) + 1
    return sites
