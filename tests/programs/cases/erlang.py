# SPDX-License-Identifier: MIT
"""gen_tcp in passive mode: the bug report that started it all."""

from harness import peers
from harness.scenario import Clean, Resets, scenario

LINE, REST = b"hello\n", 300_000

CONNECT = '{{ok,S}}=gen_tcp:connect("{host}",{port},[binary,{{active,false}}]),'
SEND = ('ok=gen_tcp:send(S,"hello\\n"),timer:sleep(200),'
        'ok=gen_tcp:send(S,binary:copy(<<"d">>,{rest})),')
RECV = '{{ok,_}}=gen_tcp:recv(S,2000),'
CLOSE = 'gen_tcp:close(S),timer:sleep(200),halt(0).'


def erl(run, program):
    server = peers.Answerer(run, answer=2000, expected=len(LINE) + REST)
    server.start()
    run.run("erl", "-noshell", "-eval",
            program.format(host=run.host, port=server.port, rest=REST))
    return server.result()


@scenario(Resets("unread-close", role="client", module="beam", unread=2000), needs=("erl",))
def erlang_closing_without_recv(run):
    return erl(run, CONNECT + SEND + CLOSE)


@scenario(Clean(), needs=("erl",))
def erlang_closing_after_recv(run):
    return erl(run, CONNECT + SEND + RECV + CLOSE)
