"""What holds for any description, any offer and any conversation."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from trio_sip._errors import RemoteProtocolError
from trio_sip.sdp import (
    G722,
    G729,
    OPUS,
    PCMA,
    PCMU,
    TELEPHONE_EVENT,
    Codec,
    Direction,
    Media,
    OfferAnswer,
    OfferAnswerState,
    SessionDescription,
    create_answer,
)

from .examples import bodies

EXAMPLES = settings(max_examples=40)


def octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


words = st.text("aZ0-/=é\U0001f600", min_size=1, max_size=8)
values = st.text("aZ0-/=: ;\t\x85\x0b\u2028é\udcff\U0001f600", max_size=12)
ports = st.integers(0, 65535)
directions = st.sampled_from(Direction)
codecs = st.one_of(
    st.sampled_from([PCMU, PCMA, G722, G729, OPUS, TELEPHONE_EVENT]),
    st.builds(
        Codec,
        st.sampled_from(["iLBC", "AMR", "H264", "telephone-event", "CN", "x"]),
        st.sampled_from([8000, 16000, 48000, 90000]),
        fmtp=st.sampled_from([None, "mode=20", "octet-align=1", "0-16"]),
    ),
)
audio_or_video = st.builds(
    Media,
    st.sampled_from(["audio", "video"]),
    ports,
    st.lists(codecs, min_size=1, max_size=6, unique=True),
    protocol=st.sampled_from(["RTP/AVP", "RTP/SAVP"]),
    direction=directions,
    connection=st.sampled_from([None, "0.0.0.0", "192.0.2.7", "::1"]),
    ptime=st.sampled_from([None, 20]),
    attributes=st.lists(st.builds("{}:{}".format, words, values), max_size=3),
)
others = st.builds(
    Media,
    st.sampled_from(["image", "message"]),
    ports,
    st.lists(st.sampled_from(["t38", "*", "x"]), min_size=1, max_size=3),
    protocol=st.sampled_from(["udptl", "TCP/MSRP"]),
)
sections = st.lists(st.one_of(audio_or_video, others), max_size=5)
descriptions = st.builds(
    SessionDescription.create,
    sections,
    st.sampled_from(["192.0.2.1", "::1", "0.0.0.0", "host.example.com"]),
    session_id=st.integers(0, 2**63 - 1),
    attributes=st.lists(
        st.sampled_from(["sendonly", "inactive", "ice-lite", "group:BUNDLE 0"]), max_size=2
    ),
)


def assert_legal(offer: SessionDescription, answer: SessionDescription) -> None:
    """RFC 3264 section 6."""
    assert len(offer.media) == len(answer.media)
    assert answer == SessionDescription.parse(bytes(answer))
    for theirs, ours in zip(offer.media, answer.media, strict=True):
        assert (theirs.kind, theirs.protocol) == (ours.kind, ours.protocol)
        assert ours.formats
        assert set(ours.formats) <= set(theirs.formats)
        if not theirs.is_active:
            assert not ours.is_active
        if ours.is_active:
            offered, answered = theirs.effective_direction, ours.direction
            assert not answered.sends or offered.receives
            assert not answered.receives or offered.sends
            for codec in ours.codecs:
                assert any(map(codec.is_same_format, theirs.codecs))


@EXAMPLES
@given(descriptions)
def test_what_is_written_is_read_as_it_was_meant(description: SessionDescription) -> None:
    assert description == SessionDescription.parse(str(description))
    assert description == SessionDescription.parse(bytes(description))


@EXAMPLES
@given(descriptions, sections)
def test_every_answer_to_every_offer_is_legal(
    offer: SessionDescription, local: list[Media]
) -> None:
    assert_legal(offer, create_answer(offer, local, "192.0.2.2", session_id=1))
    assert_legal(offer, offer.answer(4000, "192.0.2.2"))


@EXAMPLES
@given(descriptions)
def test_what_is_offered_is_answered_in_full_by_who_can_do_the_same(
    offer: SessionDescription,
) -> None:
    answer = create_answer(offer, offer.media, "192.0.2.2")

    for theirs, ours in zip(offer.media, answer.media, strict=True):
        alone = [codec for codec in theirs.codecs if not codec.is_companion]
        assert theirs.is_active is ours.is_active or not (alone or not theirs.is_rtp)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[SessionDescription, list[Media], list[str]]:
    steps = st.lists(
        st.sampled_from(
            ["hold", "resume", "add", "end", "refuse", "again", "roll back", "other side"]
        ),
        max_size=8,
    )
    return draw(descriptions), draw(sections), draw(steps)


@EXAMPLES
@given(conversations())
def test_a_conversation_stays_legal_and_both_sides_agree(
    conversation: tuple[SessionDescription, list[Media], list[str]],
) -> None:
    offer, local, steps = conversation
    us, them = OfferAnswer(), OfferAnswer()
    exchange(us, them, offer, local)
    for step in steps:
        assert us.local is not None
        wish = us.local
        if step == "hold":
            exchange(us, them, wish.hold(), local)
        elif step == "resume":
            exchange(us, them, wish.resume(), local)
        elif step == "add":
            exchange(us, them, wish.add_media(Media("audio", 4000, [PCMU])), local)
        elif step == "end" and wish.media:
            exchange(us, them, wish.remove_media(len(wish.media) - 1), local)
        elif step == "again":
            exchange(us, them, wish, local)
            assert wish == us.local
        elif step == "refuse":
            before = us.agreed
            assert them.receive_offer(us.send_offer(wish.hold())) is None
            them.send_rejection()
            us.receive_rejection()
            assert before == us.agreed
        elif step == "roll back":
            before, theirs = us.agreed, them.agreed
            exchange(us, them, wish.hold(), local)
            us.roll_back(before)
            them.roll_back(theirs)
        elif step == "other side":
            us, them = them, us
        assert (us.local, us.remote) == (them.remote, them.local)


def exchange(
    us: OfferAnswer, them: OfferAnswer, wish: SessionDescription, local: list[Media]
) -> None:
    before = us.local
    offer = us.send_offer(wish)
    assert offer == wish.with_origin(offer.origin)
    if before is not None:
        assert len(before.media) <= len(offer.media)
        assert before.origin.is_same_session(offer.origin)
        assert (before.origin == offer.origin) is (before == offer)
    assert them.receive_offer(SessionDescription.parse(bytes(offer))) is None
    answer = them.send_answer(create_answer(offer, local, "192.0.2.2", session_id=2))
    assert_legal(offer, answer)
    assert us.receive_answer(SessionDescription.parse(bytes(answer))) is None
    assert us.state is them.state is OfferAnswerState.STABLE
    for ours, theirs in zip(us.streams, them.streams, strict=True):
        assert ours.direction is theirs.direction.reversed


lines = st.one_of(
    st.sampled_from(["v=0", "o=- 1 1 IN IP4 h", "s=-", "c=IN IP4 h", "t=0 0", "a=sendonly", ""]),
    st.builds("m={} {} {} {}".format, words, ports, words, words),
    st.builds("{}={}".format, st.sampled_from("abcmovktzXé= "), values),
    st.builds("a=rtpmap:{} {}/{}".format, ports, words, ports),
    st.builds("a=fmtp:{} {}".format, ports, values),
)
texts = st.builds(
    lambda all_lines, end: end.join(["v=0", "o=- 1 1 IN IP4 h", *all_lines, ""]),
    st.lists(lines, max_size=8),
    st.sampled_from(["\r\n", "\n"]),
)


@EXAMPLES
@given(st.one_of(st.binary(max_size=80), texts.map(octets), texts))
def test_anything_is_read_or_refused_and_what_is_read_is_kept(data: bytes | str) -> None:
    try:
        parsed = SessionDescription.parse(data)
    except RemoteProtocolError:
        return

    assert (octets(data) if isinstance(data, str) else data) == bytes(parsed)
    assert parsed == SessionDescription.parse(str(parsed))
    rewritten = parsed.with_origin(parsed.origin)
    assert rewritten.has_same_content(SessionDescription.parse(bytes(rewritten)))
    assert_legal(parsed, parsed.answer(4000, "h"))


def test_every_stored_offer_has_a_legal_answer() -> None:
    for body in bodies().values():
        offer = SessionDescription.parse(body)

        assert_legal(offer, offer.answer(4000, "192.0.2.2"))
        assert_legal(offer, create_answer(offer, offer.media, "192.0.2.2"))
