"""Via and CSeq."""

from __future__ import annotations

import pytest

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import CSeq, Via


@pytest.mark.parametrize(
    "text",
    [
        "SIP/2.0/UDP h:5060;branch=z9hG4bK1;rport",
        "SIP / 2.0 / UDP  h : 5060 ; branch = z9hG4bK1 ; rport",
        "sip/2.0/udp h:5060;BRANCH=z9hG4bK1;RPORT",
    ],
)
def test_a_via_is_read_with_white_space_anywhere(text: str) -> None:
    via = Via.parse(text)

    assert ("UDP", "h", 5060, "h:5060") == (via.transport, via.host, via.port, via.sent_by)
    assert ("z9hG4bK1", None, None) == (via.branch, via.rport, via.received)
    assert via == Via("UDP", "H", 5060, {"branch": "z9hG4bK1", "rport": None})
    assert hash(via) == hash(Via("UDP", "H", 5060, {"rport": None, "branch": "z9hG4bK1"}))
    assert str(via) == "SIP/2.0/UDP h:5060;branch=z9hG4bK1;rport"


@pytest.mark.parametrize("received", ["2001:db8::1", "[2001:db8::1]", "192.0.2.1"])
def test_received_may_have_brackets_or_not(received: str) -> None:
    assert Via.parse(f"SIP/2.0/UDP [::1];received={received};rport=9").received == received


@pytest.mark.parametrize(
    ("text", "port"), [("rport=5061", 5061), ("rport=x", None), ("rport=", None)]
)
def test_a_filled_rport_is_a_number(text: str, port: int | None) -> None:
    assert port == Via.parse(f"SIP/2.0/UDP h;{text}").rport


@pytest.mark.parametrize(
    "text",
    [
        "", "h", "SIP/2.0/UDP", "SIP/3.0/UDP h", "SIP/2.0/ h", "SIP/2.0/UDP h:", "SIP/2.0/UDP h:0",
        "SIP/2.0/UDP h:65536", "SIP/2.0/UDP h h", "SIP/2.0/UDP ::1", "SIP/2.0/UDP [1]",
        "SIP/2.0/UDP h;", "SIP/2.0/UDP h;;a", "SIP/2.0/UDP h,", "HTTP/2.0/UDP h", "SIP/2.0/U P h",
    ],
)  # fmt: skip
def test_what_is_no_via_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Via.parse(text)


@pytest.mark.parametrize(
    ("transport", "host", "port"),
    [("U P", "h", None), ("UDP", "h;x=1", None), ("UDP", "h:1", None), ("UDP", "h\r\nX: y", None),
     ("UDP", "h", 0), ("UDP", "h", 65536), ("UDP", "", None), ("UDP x;y", "h", None)],
)  # fmt: skip
def test_a_via_that_would_mean_something_else_is_not_built(
    transport: str, host: str, port: int | None
) -> None:
    with pytest.raises(LocalProtocolError):
        Via(transport, host, port)


def test_a_via_equals_nothing_but_vias() -> None:
    assert Via("UDP", "h") != "SIP/2.0/UDP h"
    assert repr(Via("UDP", "h")) == "Via('SIP/2.0/UDP h')"


@pytest.mark.parametrize(
    ("text", "number"), [("1 A", 1), ("0009\t A", 9), ("4294967295 A", 2**32 - 1)]
)
def test_a_cseq_is_a_number_and_a_method(text: str, number: int) -> None:
    assert CSeq(number, "A") == CSeq.parse(text)


@pytest.mark.parametrize(
    "text", ["", "1", "A", "1A", "-1 A", "+1 A", "4294967296 A", "9" * 5000 + " A", "1 A B", "٣ A"]
)
def test_what_is_no_cseq_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        CSeq.parse(text)


@pytest.mark.parametrize(("number", "method"), [(-1, "A"), (2**32, "A"), (1, "A B"), (1, "A\r\n")])
def test_a_cseq_out_of_range_is_not_built(number: int, method: str) -> None:
    with pytest.raises(LocalProtocolError):
        CSeq(number, method)


@pytest.mark.parametrize(
    ("text", "branch"),
    [
        (";branch=a;branch=b", "a"), (";Branch=a;branch=b", "a"), (";branch=a;BRANCH=b", "a"),
        (";rport;branch=a", "a"), (";rport;Branch=a", "a"), (";rport", None), (";branch=", ""),
        (";xbranch=b;branch=a", "a"), (';x="y";branch=a', "a"), ("", None), (";branch", None),
    ],
)  # fmt: skip
def test_a_branch_is_the_same_before_and_after_its_parameters_were_read(
    text: str, branch: str | None
) -> None:
    via = Via.parse("SIP/2.0/UDP h" + text)

    assert branch == via.branch
    assert branch == via.params.get("branch")
    assert branch == via.branch
