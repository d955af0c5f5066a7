"""``trio-sip demo``: the first thing anybody runs."""

from __future__ import annotations

import re

import pytest

from trio_sip.cli import main
from trio_sip.cli._recording import Pieces, Record, RecordingNetwork
from trio_sip.stack import IncomingRequest, Service, open_stack

LADDER = """
          alice                     server                    bob
   0.000  |---------REGISTER------->|                         |
   0.000  |<-----401 (REGISTER)-----|                         |
   0.000  |---------REGISTER------->|                         |
   0.000  |<-----200 (REGISTER)-----|                         |
   0.000  |---------OPTIONS-------->|                         |
   0.000  |<-----200 (OPTIONS)------|                         |
   0.000  |---------MESSAGE-------->|                         |
   0.000  |<-----200 (MESSAGE)------|                         |
   0.000  |-----------------------INVITE--------------------->|
   0.000  |<-------------------180 (INVITE)-------------------|
   0.000  |<-------------------200 (INVITE)-------------------|
   0.000  |------------------------ACK----------------------->|
   0.000  |------------------------BYE----------------------->|
   0.000  |<--------------------200 (BYE)---------------------|
   0.000  |---------REGISTER------->|                         |
   0.000  |<-----200 (REGISTER)-----|                         |
"""


def test_the_demo_draws_what_really_went_over_the_wire(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["demo"])
    output, errors = capsys.readouterr()

    assert (0, "") == (status, errors)
    assert LADDER in re.sub(r"(?m)^   [0-9]\.[0-9]{3}  ", "   0.000  ", output)
    assert "the server got        message from alice: Hello from trio-sip!\n" in output
    assert "16 datagrams, " in output


def test_the_demo_is_plain_text_where_it_is_not_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["demo"])
    output = capsys.readouterr().out

    assert output.isascii()
    assert output.replace("\n", "").isprintable()
    assert "wonderland" not in output


def test_the_demo_is_in_colour_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    main(["demo"])

    assert "\x1b[36m" in capsys.readouterr().out


class _Answering(Service):
    methods = frozenset({"OPTIONS"})

    async def on_request(self, request: IncomingRequest) -> bool:
        request.respond(200)
        return True


async def test_streams_are_recorded_at_both_ends() -> None:
    ours, theirs = Record(), Record()
    async with (
        open_stack(
            "tcp://127.0.0.1:0",
            network=RecordingNetwork(theirs),
            services=[_Answering()],
            grace=0,
        ) as server,
        open_stack("udp://127.0.0.1:0", network=RecordingNetwork(ours), grace=0) as client,
    ):
        port = server.listening[0].port
        await client.send_request("OPTIONS", f"sip:127.0.0.1:{port};transport=tcp")

    for record in (ours, theirs):
        assert [("TCP", "OPTIONS"), ("TCP", "200 (OPTIONS)")] == [
            (wire.transport, wire.label.text) for wire in record.wires
        ]
    assert ours.last_received is not None
    assert port == ours.last_received.source.port
    assert [w.data for w in ours.wires] == [w.data for w in theirs.wires]


def test_messages_that_travel_together_are_recorded_one_by_one() -> None:
    pieces = Pieces()
    ping = b"OPTIONS sip:bob SIP/2.0\r\nContent-Length: 0\r\n\r\n"

    assert [ping, b"\r\n\r\n"] == list(pieces.cut(ping + b"\r\n\r\n" + ping[:20]))
    assert [ping] == list(pieces.cut(ping[20:]))
    assert [] == list(pieces.cut(b""))
    assert [b"nonsense\r\n\r\n"] == list(pieces.cut(b"nonsense\r\n\r\n"))
    assert [ping[:20]] == list(pieces.cut(ping[:20]))
    assert [] == list(pieces.cut(b""))
