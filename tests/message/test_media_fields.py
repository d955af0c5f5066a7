"""Content-… and Accept-…."""

from __future__ import annotations

import pytest

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import (
    ACCEPT,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_ID,
    CONTENT_LANGUAGE,
    CONTENT_TYPE,
    MIME_VERSION,
    Disposition,
    Field,
    Headers,
    MediaType,
)


@pytest.mark.parametrize("text", ["Application/SDP", "application / sdp", "application/sdp ;a=b"])
def test_a_media_type_has_no_case_and_may_have_spaces(text: str) -> None:
    content_type = Headers([("c", text)])[CONTENT_TYPE]

    assert content_type.name == "application/sdp"
    assert content_type.with_params({}) == MediaType("APPLICATION", "sdp")
    assert hash(content_type.with_params({})) == hash(MediaType("APPLICATION", "sdp"))


@pytest.mark.parametrize("text", ["", "a", "/", "a/", "/b", "a b/c", "a/b;", "a/b/c", 'a/"b"'])
def test_what_is_no_media_type_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="Content-Type"):
        Headers([("Content-Type", text)])[CONTENT_TYPE]


def test_accept_is_a_list_of_ranges_that_may_be_empty() -> None:
    ranges = Headers([("Accept", "application/sdp;level=1, application/x-private, */*;q=0.1")])[
        ACCEPT
    ]

    assert ["application/sdp", "application/x-private", "*/*"] == [item.name for item in ranges]
    assert Headers([("Accept", "")])[ACCEPT] == []


@pytest.mark.parametrize(
    ("accepted", "yes"),
    [("*/*", True), ("text/*", True), ("TEXT/Plain", True), ("text/html", False)],
)
def test_a_range_accepts_what_is_in_it(accepted: str, yes: bool) -> None:
    assert yes is MediaType.parse(accepted).accepts(MediaType("text", "plain"))


def test_codings_and_languages_carry_parameters() -> None:
    headers = Headers(
        [("Accept-Encoding", "gzip;q=1.0, identity"), ("Accept-Language", "da, en-GB;q=0.8")]
    )

    assert [("gzip", "1.0"), ("identity", None)] == [
        (item.value, item.params.get("q")) for item in headers[ACCEPT_ENCODING]
    ]
    assert ["da", "en-GB"] == [item.value for item in headers[ACCEPT_LANGUAGE]]


@pytest.mark.parametrize(
    ("text", "optional"),
    [("session", False), ("session;handling=OPTIONAL", True), ("x;handling=required", False)],
)
def test_a_body_is_required_unless_it_is_optional(text: str, optional: bool) -> None:
    assert optional is Headers([("Content-Disposition", text)])[CONTENT_DISPOSITION].is_optional


def test_dispositions_compare_without_case() -> None:
    assert Disposition("Session") == Disposition("session")
    assert hash(Disposition("Session")) == hash(Disposition("session"))
    assert Disposition("session") != Disposition("render")


def test_the_small_ones_are_read() -> None:
    headers = Headers(
        [
            ("e", "gzip, x"),
            ("Content-Language", "fr"),
            ("Content-ID", "<a@b>"),
            ("MIME-Version", "1.0"),
        ]
    )

    assert ["gzip", "x"] == headers[CONTENT_ENCODING]
    assert ["fr"] == headers[CONTENT_LANGUAGE]
    assert headers[CONTENT_ID] == "a@b"
    assert headers[MIME_VERSION] == "1.0"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (CONTENT_ID, "a@b"), (CONTENT_ID, "<>"), (CONTENT_ID, "<a b>"), (CONTENT_ID, ""),
        (MIME_VERSION, "1"), (MIME_VERSION, "1."), (MIME_VERSION, "x.y"), (MIME_VERSION, "1.0 (x)"),
    ],
)  # fmt: skip
def test_the_small_ones_are_refused(field: Field[str], text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        field.read([text])
