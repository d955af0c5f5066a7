"""What a type checker must say: mypy checks these lines, and they run as well."""

from __future__ import annotations

from typing import assert_type

from trio_sip.message import (
    ACCEPT,
    AUTHORIZATION,
    CALL_ID,
    CONTACT,
    CONTENT_TYPE,
    CSEQ,
    FROM,
    MAX_FORWARDS,
    SUPPORTED,
    VIA,
    CSeq,
    Headers,
    MediaType,
    NameAddr,
    Request,
    Via,
)


def headers() -> Headers:
    return Headers(
        [
            ("Via", "SIP/2.0/UDP h"), ("From", "<sip:a@b>"), ("Call-ID", "x"), ("CSeq", "1 A"),
            ("Contact", "*"), ("Supported", "100rel"), ("Accept", "a/b"), ("Content-Type", "a/b"),
        ]
    )  # fmt: skip


def test_a_name_gives_text_and_a_field_its_type() -> None:
    found = headers()

    assert_type(found["X-Foo" if "X-Foo" in found else "Via"], str)
    assert_type(found[CSEQ], CSeq)
    assert_type(found[FROM], NameAddr)
    assert_type(found[CALL_ID], str)
    assert_type(found[CONTENT_TYPE], MediaType)
    assert found[CSEQ] == CSeq(1, "A")


def test_a_list_field_gives_a_list() -> None:
    found = headers()

    assert_type(found[VIA], list[Via])
    assert_type(found[CONTACT], list[NameAddr | str])
    assert_type(found[SUPPORTED], list[str])
    assert_type(found[ACCEPT], list[MediaType])
    assert_type(found[AUTHORIZATION], list[str])
    assert ["100rel"] == found[SUPPORTED]


def test_a_default_widens_the_type() -> None:
    found = headers()

    assert_type(found.get("X"), str | None)
    assert_type(found.get("X", 7), str | int)
    assert_type(found.get(MAX_FORWARDS), int | None)
    assert_type(found.get(MAX_FORWARDS, "none"), int | str)
    assert found.get(MAX_FORWARDS) is None


def test_a_message_gives_what_its_headers_give() -> None:
    request = Request("A", "sip:a", headers())

    assert_type(request["Via"], str)
    assert_type(request[CSEQ], CSeq)
    assert_type(request[VIA], list[Via])
    assert_type(request.via, Via)
    assert_type(request.from_, NameAddr)
    assert_type(request.contact, NameAddr | None)
    assert_type(request.max_forwards, int | None)
    assert request.cseq is request[CSEQ]
