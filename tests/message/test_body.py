"""Bodies of one part and of many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import (
    Body,
    Limits,
    MediaType,
    Request,
    parse_message_untrusted,
    parse_multipart_untrusted,
)

MIXED = MediaType("multipart", "mixed", {"boundary": "b"})


def parts_of(content: bytes, limits: Limits | None = None) -> list[bytes]:
    parts = (
        parse_multipart_untrusted(content, MIXED)
        if limits is None
        else parse_multipart_untrusted(content, MIXED, limits)
    )
    return [part.content for part in parts]


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n", [b"one", b"two"]),
        (b"preamble\r\n--b\r\n\r\none\r\n--b--\r\nepilogue\r\n--b\r\n\r\nno", [b"one"]),
        (b"--b\r\n\r\none\r\n--b\r\n\r\ntwo", [b"one", b"two"]),
        (b"--b\r\n\r\none\r\n", [b"one\r\n"]),
        (b"--b  \t\r\n\r\none\r\n--b--", [b"one"]),
        (b"--b\r\n\r\n\r\n--b--", [b""]),
        (b"--b\r\n--b--", [b""]),
        (b"--b\r\n\r\n--bb\r\n --b\r\nx--b\r\n--b--", [b"--bb\r\n --b\r\nx--b"]),
        (b"--b\r\nContent-Type: a/b\r\n--b--", [b""]),
        (b"--b\n\r\none\n--b--", [b"one"]),
        (b"\r\n--b\r\n\r\n\0\xff\r\n--b--", [b"\0\xff"]),
    ],
)
def test_parts_stand_between_the_boundaries(content: bytes, parts: list[bytes]) -> None:
    assert parts == parts_of(content)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"no boundary", b"--b--", b"--bb\r\n\r\nx", b"--b\r\nno colon\r\n\r\nx\r\n--b--",
        b"--b\r\nA: b\nc\r\n\r\nx", b"--b\r\nA: \0\r\n\r\nx", b"--b\r\nContent-Type: x\r\n\r\nx",
        b"--b\r\nContent-Type: a/b\r\nc: a/b\r\n\r\nx", b"--b\r\nA B: c\r\n\r\nx",
        b"--b\r\nContent-Type: multipart/mixed\r\n\r\nx",
    ],
)  # fmt: skip
def test_a_body_that_is_not_the_multipart_it_claims_is_refused(content: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parts_of(content)


@pytest.mark.parametrize("boundary", ["", '"', "a\r\nb", "x" * 71, "a ", "ä", "a<b", None])
def test_a_boundary_that_is_none_is_refused(boundary: str | None) -> None:
    params = {} if boundary is None else {"boundary": boundary}
    if boundary is not None:
        with pytest.raises(LocalProtocolError):
            Body.multipart([Body("x")], boundary=boundary)
    if boundary != "a\r\nb":
        with pytest.raises(RemoteProtocolError):
            parse_multipart_untrusted(b"--\r\n\r\nx", MediaType("multipart", "mixed", params))


def nested(levels: int) -> bytes:
    content = b"x"
    for level in range(levels):
        kind = b"text/plain" if level == 0 else b"multipart/mixed;boundary=b%d" % (level - 1)
        name = b"b%d" % level if level < levels - 1 else b"b"
        content = (
            b"--" + name + b"\r\nContent-Type: " + kind + b"\r\n\r\n" + content + b"\r\n--"
            + name + b"--"
        )  # fmt: skip
    return content


def test_multiparts_nest_eight_deep_and_no_deeper() -> None:
    body = parse_multipart_untrusted(nested(8), MIXED)
    for _ in range(7):
        body = body[0].parts

    assert body[0].content == b"x"
    for levels in (9, 400):
        with pytest.raises(RemoteProtocolError, match="deep"):
            parts_of(nested(levels))


def test_there_is_a_limit_to_the_parts_of_all_levels_together() -> None:
    with pytest.raises(RemoteProtocolError, match="too many"):
        parts_of(b"--b\r\n\r\n" * 101)
    with pytest.raises(RemoteProtocolError, match="too many"):
        parts_of(nested(3), Limits(part_count=2))
    assert len(parts_of(b"--b\r\n\r\nx\r\n" * 100)) == 100


def test_a_part_with_a_huge_head_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="too large"):
        parts_of(b"--b\r\nA: " + b"x" * 70_000 + b"\r\n\r\nx")
    with pytest.raises(RemoteProtocolError, match="too many headers"):
        parts_of(b"--b\r\n" + b"A: x\r\n" * 1001 + b"\r\nx")


def test_a_part_has_headers_of_its_own() -> None:
    content = (
        b"--b\r\nContent-ID: <x@y>\r\nContent-Disposition: session;\r\n handling=optional\r\n"
        b"c: application/sdp\r\n\r\nv=0\r\n--b--"
    )
    (part,) = parse_multipart_untrusted(content, MIXED)

    assert ("x@y", "application/sdp") == (part.content_id, part.content_type.name)
    assert part.disposition is not None
    assert part.disposition.is_optional
    assert part.text == "v=0"


def test_a_part_that_says_nothing_is_plain_text() -> None:
    (part,) = parse_multipart_untrusted(b"--b\r\n\r\n\xffx\r\n--b--", MIXED)

    assert part.content_type == MediaType("text", "plain")
    assert part.text == "\ufffdx"
    assert part.content_id is None
    assert part.disposition is None
    assert part.parts == ()


def test_parts_come_back_as_they_were_built() -> None:
    inner = Body.multipart([Body("a"), Body(b"\0", "x/y")], "alternative", headers=[("X", "1")])
    outer = Body.multipart([inner, Body("--b\r\n", headers=[("Content-ID", "<i>")])])
    parts = parse_multipart_untrusted(outer.content, outer.content_type)

    assert outer.parts == parts
    assert parts[0].content_type.name == "multipart/alternative"


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5))
def test_any_content_survives_a_multipart(contents: list[bytes]) -> None:
    made = Body.multipart(Body(content, "a/b") for content in contents)

    assert contents == [
        part.content for part in parse_multipart_untrusted(made.content, made.content_type)
    ]


def test_the_boundary_follows_from_the_parts() -> None:
    one, same, other = (Body.multipart([Body(text)]) for text in ("a", "a", "b"))

    assert one.content == same.content
    assert one.content_type != other.content_type


def test_the_boundary_occurs_in_no_part() -> None:
    made = Body.multipart([Body("x")])
    boundary = made.content_type.params["boundary"]
    again = Body.multipart([Body(f"--{boundary}"), made])

    assert again.content_type.params["boundary"] != boundary
    with pytest.raises(LocalProtocolError, match="occurs"):
        Body.multipart([made], boundary=boundary)


def test_an_empty_multipart_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        Body.multipart([])
    with pytest.raises(LocalProtocolError):
        Request("MESSAGE", "sip:a").add_multipart_body([])


def test_the_headers_of_a_part_are_checked() -> None:
    with pytest.raises(LocalProtocolError):
        Body("x", headers=[("X", "a\r\nb")])
    with pytest.raises(LocalProtocolError):
        Body("x", headers=[("Content-Type", "a/b")])
    with pytest.raises(LocalProtocolError):
        Body(b"x")


def test_a_binary_body_is_shown_by_its_size() -> None:
    assert "<2 bytes>" in repr(Body("xy"))


def test_a_message_whose_multipart_is_broken_says_so_when_asked() -> None:
    data = b"MESSAGE sip:a SIP/2.0\r\nContent-Type: multipart/mixed\r\n\r\nx"
    message = parse_message_untrusted(data)

    with pytest.raises(RemoteProtocolError):
        message.parts  # noqa: B018
