# SPDX-License-Identifier: MIT
"""Servers that answer an upload before they have read it, and close."""

from harness import peers
from harness.run import PYTHON, script
from harness.scenario import Resets, scenario

BODY = 32 << 20
ANSWER = 4 << 20


@scenario(Resets("unread-close", role="server", module="python"))
def a_python_http_server_that_answers_413_without_reading_the_body(run):
    run.serve(PYTHON, script("upload_limit.py"), run.host, run.port, ANSWER)
    return peers.post(run.host, run.port, BODY, ANSWER)


@scenario(Resets("unread-close", role="server", module="node"), needs=("node",))
def a_node_http_server_that_destroys_the_request_after_its_answer(run):
    run.serve("node", script("upload_limit.js"), run.host, run.port, ANSWER)
    return peers.post(run.host, run.port, BODY, ANSWER)
