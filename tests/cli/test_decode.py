"""``trio-sip decode``: messages in words."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

import trio_sip.testing.suite
from trio_sip.cli import main
from trio_sip.cli._decode import explain
from trio_sip.cli._words import duration, words_for

TORTURE = Path(trio_sip.testing.suite.__file__).parent / "data" / "rfc4475"


def lines_of(text: str) -> list[str]:
    return explain(text.replace("\n", "\r\n").encode())[1]


HEAD = (
    "Via: SIP/2.0/UDP h;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>\n"
    "Call-ID: x\nCSeq: 1 MESSAGE\nMax-Forwards: 70\n"
)


@pytest.mark.parametrize("file", sorted(TORTURE.glob("*.dat")), ids=lambda file: file.stem)
def test_every_torture_message_is_explained(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["decode", str(file)])
    output, errors = capsys.readouterr()

    assert "" == errors
    assert (status == 0) == output.endswith("no faults\n")
    assert (status == 1) == ("\nfault: " in f"\n{output}")
    assert output.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("name", "fault", "owed"),
    [
        ("badinv01", "Bad Via header", "nothing, without a usable Via there is nobody to answer"),
        ("clerr", "Content-Length beyond the datagram", "400 Content-Length beyond the datagram"),
        ("insuf", "Missing To header", "400 Missing To header"),
        ("ltgtruri", "Bad Request-URI", "400 Bad Request-URI"),
        ("mismatch02", "CSeq method does not match", "501 CSeq method does not match the request"),
        ("novelsc", "Unsupported URI Scheme", "416 Unsupported URI Scheme"),
        ("regbadct", "Bad Contact header", "400 Bad Contact header"),
        ("scalarlg", "Bad CSeq header", "nothing, a faulty response is dropped"),
        (
            "bigcode",
            "not a SIP message: not a SIP status line",
            "400, if it can be answered at all",
        ),
    ],
)
def test_a_fault_is_named_with_the_answer_it_is_owed(name: str, fault: str, owed: str) -> None:
    status, lines = explain((TORTURE / f"{name}.dat").read_bytes())

    assert 1 == status
    assert lines[-2].startswith(f"fault: {fault}")
    assert f"  owed: {owed}" == lines[-1]


def test_a_request_is_told_in_words() -> None:
    lines = lines_of(
        "MESSAGE sip:c@d SIP/2.0\n" + HEAD + "Expires: 7200\nContent-Type: text/plain\n"
        "Content-Length: 5\n\nhello"
    )

    assert [
        "request MESSAGE for sip:c@d",
        "  from  <sip:a@b>;tag=1",
        "  to    <sip:c@d>",
        "  call  x",
        "",
        "Via: SIP/2.0/UDP h;branch=z9hG4bK1",
        "    sent by h over UDP",
        "From: <sip:a@b>;tag=1",
        "    tag 1",
        "To: <sip:c@d>",
        "    no tag, so outside of a dialog",
        "Call-ID: x",
        "CSeq: 1 MESSAGE",
        "    request number 1 of its sender in this call",
        "Max-Forwards: 70",
        "    70 more hops at most",
        "Expires: 7200",
        "    2 hours",
        "Content-Type: text/plain",
        "Content-Length: 5",
        "",
        "body: 5 bytes of text/plain",
        "  hello",
        "",
        "no faults",
    ] == lines


@pytest.mark.parametrize(
    ("start", "summary"),
    [
        ("SIP/2.0 180 Ringing", "provisional response 180 Ringing to MESSAGE"),
        ("SIP/2.0 603 ", "final response 603 to MESSAGE"),
    ],
)
def test_a_response_says_what_it_answers(start: str, summary: str) -> None:
    assert summary == lines_of(f"{start}\n{HEAD}\n")[0]


def test_a_message_that_an_editor_saved_is_read_all_the_same() -> None:
    status, lines = explain(f"MESSAGE sip:c@d SIP/2.0\n{HEAD}\n".encode())

    assert 0 == status
    assert ["note: lines end with LF alone; read as if it were CRLF", "no faults"] == lines[-2:]


def test_an_ack_is_never_answered_whatever_is_wrong_with_it() -> None:
    assert "  owed: nothing, an ACK is never answered" == lines_of("ACK sip:c@d SIP/2.0\n\n")[-1]


def test_credentials_and_keys_are_never_shown() -> None:
    text = "\n".join(
        lines_of(
            "MESSAGE sip:user:hunter2@d SIP/2.0\n"
            + HEAD
            + "Contact: <sip:a:hunter2@b;x=1>\n"
            + 'Authorization: Digest username="a", response="hunter2"\n'
            + 'Proxy-Authenticate: Digest realm="r", nonce="hunter2"\n'
            + "Content-Type: application/sdp\n\n"
            + "v=0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:hunter2\n"
        )
    )

    assert text.startswith("request MESSAGE for sip:user:…@d\n")
    assert "Authorization: Digest …\n    credentials, not shown\n" in text
    assert "Proxy-Authenticate: Digest …\n    a challenge, not shown\n" in text
    assert "hunter2" not in text


def test_a_message_cannot_reach_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = f"MESSAGE sip:c@d SIP/2.0\n{HEAD}Subject: \x1b[2J\u202e\n\n\x07".encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    main(["decode", "-"])

    output = capsys.readouterr().out
    assert r"Subject: \x1b[2J\u202e" in output
    assert r"  \x07" in output
    assert output.replace("\n", "").isprintable()


def test_the_parts_of_a_multipart_body_are_listed() -> None:
    inner = "--i\n\none\n--i--\n"
    lines = lines_of(
        "MESSAGE sip:c@d SIP/2.0\n" + HEAD + "Content-Type: multipart/mixed;boundary=o\n\n"
        "--o\nContent-Type: application/sdp\nContent-ID: <a@b>\n\nv=0\n"
        f"--o\nContent-Type: multipart/alternative;boundary=i\n\n{inner}\n--o--\n"
    )
    start = lines.index("  part 1: 3 bytes of application/sdp, Content-ID <a@b>")

    assert lines[start + 1].endswith("bytes of multipart/alternative;boundary=i")
    assert lines[start + 1].startswith("  part 2: ")
    assert "    part 1: 3 bytes of text/plain (not said)" == lines[start + 2]


def test_a_multipart_body_that_is_none_is_a_fault() -> None:
    lines = lines_of(
        "MESSAGE sip:c@d SIP/2.0\n" + HEAD + "Content-Type: multipart/mixed\n\nnothing"
    )

    assert lines[-2].startswith("fault: Bad body: ")
    assert lines[-1].startswith("  owed: 400 Bad body: ")


def test_a_long_body_is_cut() -> None:
    lines = lines_of("MESSAGE sip:c@d SIP/2.0\n" + HEAD + "\n" + "x\n" * 100)

    assert "  … and 40 more lines" in lines


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("v", "SIP/2.0/TCP h:5070;received=192.0.2.1;rport=7;branch=z9hG4bK1",
         "sent by h port 5070 over TCP, came from 192.0.2.1, from port 7"),
        ("Via", "SIP/2.0/UDP h;rport;branch=1",
         "sent by h over UDP, wants the answer where it is, no RFC 3261 branch"),
        ("From", "<sip:a@b>", "no tag, as before RFC 3261"),
        ("t", "<sip:a@b>;tag=x", "tag x"),
        ("Contact", "*", "all of them"),
        ("m", "<sip:a@b:5062>;expires=3600;q=0.5", "at b port 5062, for 1 hour, preference 0.5"),
        ("Contact", "<tel:+1>", ""),
        ("Route", "<sip:p;lr>, <sip:q>",
         "through p, loose routing; through q, strict routing"),
        ("Max-Forwards", "0", "may go no further"),
        ("Require", "100rel, x-own, timer",
         "100rel is reliable provisional responses; timer is session timers"),
        ("Session-Expires", "90;refresher=uac", "90 seconds"),
        ("Retry-After", "60", "not before 1 minute have gone"),
        ("Content-Length", "0", "no body"),
        ("Content-Disposition", "render;handling=optional", "may be ignored"),
        ("Reason", "Q.850;cause=16", "cause 16"),
        ("Reason", "Q.850", ""),
        ("RAck", "7 1 INVITE", "acknowledges response 7"),
        ("Warning", '370 h "too slow"', "h says: too slow"),
        ("Subject", "anything", ""),
        ("X-Own", "anything", ""),
        ("Expires", "soon", "cannot be read: "),
    ],
)  # fmt: skip
def test_a_header_line_in_words(name: str, value: str, words: str) -> None:
    if words.endswith(": "):
        assert words_for(name, value).startswith(words)
    else:
        assert words == words_for(name, value)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 seconds"), (1, "1 second"), (61, "61 seconds"), (86400, "1 day"), (7200, "2 hours")],
)
def test_durations_are_told_in_the_largest_whole_unit(seconds: int, words: str) -> None:
    assert words == duration(seconds)
