"""What an INVITE may carry: a session description somewhere, or nothing that has to be understood."""

from __future__ import annotations

import random

import pytest

from trio_sip.session import IncomingSession, SendResponse, SessionSettings, description_in

from .pair import OFFER, Pair, invite

SETTINGS = SessionSettings(accept=("application/sdp", "application/foo"))
MULTIPART = ("Content-Type", "multipart/mixed;boundary=x")


def part(content_type: str, content: bytes, *lines: str) -> bytes:
    head = "\r\n".join(["--x", f"Content-Type: {content_type}", *lines, "", ""])
    return head.encode() + content + b"\r\n"


NOTE = part("text/plain", b"hello")
WHOLE = NOTE + part("application/sdp", OFFER) + b"--x--\r\n"
EARLY = part("application/sdp", b"v=0 early\r\n", "Content-Disposition: early-session")


def received(body: bytes, *headers: tuple[str, str]) -> IncomingSession:
    request = invite(body=b"", headers=headers)
    request.body = body
    return IncomingSession(
        request, 0.0, local_tag="b", contact="<sip:b@192.0.2.2>", dice=random.Random(1),
        settings=SETTINGS,
    )  # fmt: skip


def refusals(session: IncomingSession) -> list[tuple[int, str]]:
    sent = [one.response for one in session.effects() if isinstance(one, SendResponse)]
    return [(one.status, one["Accept"]) for one in sent]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"hello", [("Content-Type", "text/plain")]),
        (OFFER, [("Content-Type", "application/sdp"), ("Content-Encoding", "gzip")]),
        (OFFER, [("Content-Type", "application/foo"), ("Content-Encoding", "gzip")]),
        (NOTE + b"--x--\r\n", [MULTIPART]),
        (b"x", [("Content-Type", "text/plain"), ("Content-Disposition", "render;handling=")]),
        (b"x", [("Content-Type", "text/plain"), ("Content-Disposition", "\u2028")]),
    ],
)
def test_a_body_that_nobody_understands_is_refused_with_415(
    body: bytes, headers: list[tuple[str, str]]
) -> None:
    session = received(body, *headers)

    assert [(415, "application/sdp, application/foo")] == refusals(session)
    assert session.ended is not None


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"x", [("Content-Type", "text/plain"), ("Content-Disposition", "x;handling=optional")]),
        (b"x", [("Content-Type", "Application/Foo;y=z")]),
        (b"\r\n", []),
        (b"", [("Content-Type", "text/plain")]),
    ],
)
def test_a_body_that_may_be_passed_over_is(body: bytes, headers: list[tuple[str, str]]) -> None:
    session = received(body, *headers)

    assert [] == refusals(session)
    assert session.description is None


def test_the_offer_is_found_among_other_parts() -> None:
    session = received(WHOLE, MULTIPART)

    assert [] == refusals(session)
    assert session.description is not None
    assert OFFER == session.description.body


def test_a_description_of_early_media_is_no_offer() -> None:
    request = invite(body=b"", headers=[MULTIPART])
    request.body = EARLY + WHOLE

    assert (OFFER, "application/sdp") == description_in(request)


def test_a_description_for_the_session_may_say_so() -> None:
    headers = [("Content-Type", "application/sdp"), ("Content-Disposition", "Session ;handling=x")]
    encoded = ("Content-Encoding", "identity")

    assert received(OFFER, *headers, encoded).description is not None
    assert [] == refusals(received(OFFER, *headers, encoded))


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_what_nobody_understands_changes_no_call(method: str) -> None:
    pair = Pair()
    pair.connect()
    bob = pair.bob.session
    send = bob.send_reinvite if method == "INVITE" else bob.send_update
    send(pair.now, body=b"hello", content_type="text/plain")
    pair.flush()
    pair.run(0.05)

    assert 1 == len(pair.times(f"a 415 {method}"))
    assert bob.ended is None
    assert () == pair.alice.session._pending
