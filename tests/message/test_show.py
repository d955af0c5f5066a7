"""Messages as people may see them."""

from __future__ import annotations

from trio_sip.message import Message, diff_messages, parse_message_untrusted, redacted


def message(*lines: str, body: str = "") -> Message:
    text = "\r\n".join(["OPTIONS sip:a:hidden@h SIP/2.0", *lines, "", body])
    return parse_message_untrusted(text.encode("utf-8", "surrogateescape"))


def test_secrets_are_cut_out() -> None:
    shown = redacted(
        message(
            'Authorization: Digest username="a", response="hidden"',
            "proxy-authorization : Bearer hidden",
            'WWW-Authenticate: Digest nonce="hidden"',
            "Authorization\x0b: Digest hidden",
            "Contact: <sip:a:hidden@h>, <SIPS:b:hidden@h>",
            body="v=0\r\nk=clear:hidden\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:hidden|2^20\r\n"
            "a=ice-pwd:hidden\r\nAuthorization: Digest hidden\r\n",
        )
    )

    assert "hidden" not in shown
    assert "Authorization: Digest …" in shown
    assert "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:…" in shown
    assert "<sip:a:…@h>" in shown


def test_everything_else_is_shown() -> None:
    shown = redacted(message("s: hello", body="v=0\r\nm=audio 1 RTP/AVP 0"))

    assert ["Subject: hello", "", "v=0", "m=audio 1 RTP/AVP 0"] == shown.split("\n")[1:]


def test_a_header_is_one_line_whatever_stands_in_it() -> None:
    shown = redacted(message("Subject: a\x0b\x0c\x1b\x85\u2028\rb\nc\udcff"))

    assert len(shown.splitlines()) == 3
    assert r"\x0b\x0c\x1b" in shown
    assert shown.encode()


def test_equal_messages_do_not_differ() -> None:
    assert diff_messages(message("s: x"), message("Subject: x")) == ""


def test_a_difference_is_shown_line_by_line_without_secrets() -> None:
    a = message("To: x", "Authorization: Digest one", "Subject: a", body="v=0\r\nold")
    b = message("To: x", "Authorization: Digest two", "Subject: b", body="v=0\r\nnew")

    assert [
        "  OPTIONS sip:a:…@h SIP/2.0",
        "  To: x",
        "- Authorization: Digest …",
        "- Subject: a",
        "+ Authorization: Digest …",
        "+ Subject: b",
        "  ",
        "  v=0",
        "- old",
        "+ new",
    ] == diff_messages(a, b).split("\n")
