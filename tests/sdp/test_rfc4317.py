"""The examples of RFC 4317: each answer is what `create_answer` makes of its offer.

Where an example does what RFC 3264 or RFC 8866 says not to do, the difference is spelled out.
"""

from __future__ import annotations

import pytest

from trio_sip.sdp import (
    PCMA,
    PCMU,
    Codec,
    Direction,
    Media,
    OfferAnswer,
    Origin,
    create_answer,
)

from .examples import rfc4317

ILBC = Codec("iLBC")
EVENTS = Codec("telephone-event")
H261 = Codec("H261", 90000)
MPV = Codec("MPV", 90000)

SENDONLY, RECVONLY = Direction.SENDONLY, Direction.RECVONLY


def audio(port: int, *codecs: Codec, direction: Direction = Direction.SENDRECV) -> Media:
    return Media("audio", port, codecs, direction=direction)


def video(port: int, *codecs: Codec, connection: str | None = None) -> Media:
    return Media("video", port, codecs, connection=connection)


# Section and exchange, what the answerer can and wants to do, and what is different from the RFC.
EXAMPLES: list[tuple[str, str, list[Media], dict[str, str]]] = [
    ("2.1", "", [audio(49174, PCMU), video(49170, MPV)], {}),
    ("2.2", "", [audio(49172, PCMU, PCMA)], {}),
    ("2.2", "second-", [audio(49172, PCMU, PCMA)], {}),
    # RFC 3264 section 6.1: "that same payload type number SHOULD be used for that codec in the
    # answer", which here is 97.
    ("2.3", "", [audio(49172, ILBC), video(51374, H261)], {" 99": " 97", ":99": ":97"}),
    ("2.4", "", [audio(49172, ILBC), audio(49174, EVENTS)], {}),
    ("2.5", "", [audio(49174, ILBC), video(49170, H261)], {}),
    ("2.5", "second-", [audio(49170, ILBC), video(51372, H261)], {}),
    ("2.6", "", [audio(49170, ILBC, EVENTS)], {}),
    ("2.7", "", [audio(49172, ILBC), video(51374, H261)], {}),
    ("2.7", "second-", [audio(49172, ILBC), video(51374, H261, MPV)], {}),
    ("2.8", "", [audio(49174, PCMU), video(49172, MPV, connection="otherhost.biloxi.example.com")], {}),
    ("3.1", "", [audio(49172, ILBC, direction=SENDONLY)], {}),
    ("3.1", "second-", [audio(49178, ILBC)], {}),
    ("3.2", "", [audio(49172, ILBC), audio(49174, EVENTS)], {}),
    # The example answers sendonly with sendrecv, and with a format that was not offered.
    (
        "3.2",
        "second-",
        [audio(49170, PCMU, ILBC), audio(49172, EVENTS)],
        {" 0 97": " 97", "a=rtpmap:0 PCMU/8000\r\n": "", "97 iLBC/8000\r\n": "97 iLBC/8000\r\na=recvonly\r\n"},
    ),
    ("4.1", "", [audio(49170, ILBC)], {}),
    (
        "4.1",
        "second-",
        [audio(49170, ILBC), Media("audio", 49172, [EVENTS], connection="host.atlanta.example.com")],
        {},
    ),
    ("4.2", "", [audio(49172, PCMU)], {}),
    ("4.2", "second-", [audio(49172, PCMU), video(49168, H261)], {}),
    ("4.3", "", [audio(49174, ILBC), video(49170, H261)], {}),
    ("4.3", "second-", [audio(49170, ILBC), video(51372, H261)], {}),
    ("5.1", "", [audio(49172, ILBC)], {}),
    ("5.1", "second-", [audio(49172, ILBC)], {}),
    # Hold by 0.0.0.0 is answered as sendonly is.
    ("5.2", "", [audio(49170, ILBC)], {"97 iLBC/8000\r\n": "97 iLBC/8000\r\na=recvonly\r\n"}),
    ("5.2", "second-", [audio(49170, ILBC)], {}),
    ("5.3", "", [audio(9322, ILBC)], {}),
    ("5.3", "second-", [audio(49170, ILBC)], {}),
]  # fmt: skip


@pytest.mark.parametrize(("section", "which", "local", "different"), EXAMPLES)
def test_the_answers_of_the_examples_are_what_we_answer(
    section: str, which: str, local: list[Media], different: dict[str, str]
) -> None:
    offer, answer = rfc4317(section, f"{which}offer"), rfc4317(section, f"{which}answer")
    expected = str(answer).replace("s=\r\n", "s=-\r\n")
    for theirs, ours in different.items():
        expected = expected.replace(theirs, ours)
    origin, connection = answer.origin, answer.connection
    assert connection is not None

    made = create_answer(
        offer,
        local,
        connection.address,
        session_id=origin.session_id,
        version=origin.version,
        username=origin.username,
    )

    assert expected == str(made.with_origin(origin))


def test_every_example_is_tested() -> None:
    sections = {section for section, *_ in EXAMPLES}

    assert {f"2.{n}" for n in range(1, 9)} | {"3.1", "3.2", "4.1", "4.2", "4.3"} | {
        "5.1",
        "5.2",
        "5.3",
    } == sections


# Who offers next.  3.2 is left out: its second answer repeats Alice's offer under another number.
BOB_OFFERS_NEXT = ("2.5", "3.1", "4.1", "4.3", "5.3")
ALICE_OFFERS_NEXT = ("2.2", "2.7", "4.2", "5.1", "5.2")


@pytest.mark.parametrize("section", [*BOB_OFFERS_NEXT, *ALICE_OFFERS_NEXT])
def test_the_versions_of_the_examples_are_what_the_machine_writes(section: str) -> None:
    alice, bob = OfferAnswer(), OfferAnswer()
    first, second = (bob, alice) if section in BOB_OFFERS_NEXT else (alice, bob)
    pairs = [(alice, bob, ""), (first, second, "second-")]

    for offerer, answerer, which in pairs:
        offer, answer = rfc4317(section, f"{which}offer"), rfc4317(section, f"{which}answer")
        offered = offerer.send_offer(offer.with_origin(Origin("lost", 1)) if which else offer)
        assert answerer.receive_offer(offered) is None
        answered = answerer.send_answer(answer.with_origin(Origin("lost", 1)) if which else answer)
        assert offerer.receive_answer(answered) is None

        assert (offer, answer) == (offered, answered)
