"""What can be listened on, and how addresses are written."""

from __future__ import annotations

import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.transport import Address, Flow, Listen


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("udp://0.0.0.0:5060", Listen("udp", "0.0.0.0", 5060)),
        ("tcp://[::1]:0", Listen("tcp", "::1", 0)),
        ("UDP://localhost", Listen("udp", "localhost", 5060)),
        ("udp://[2001:db8::1]", Listen("udp", "2001:db8::1", 5060)),
    ],
)
def test_a_listen_is_a_url_with_the_port_5060_if_none_is_given(text: str, expected: Listen) -> None:
    assert expected == Listen.parse(text)
    assert expected == Listen.parse(str(expected))


@pytest.mark.parametrize(
    "text",
    [
        "", "0.0.0.0:5060", "sip://127.0.0.1", "udp://", "udp://:5060", "udp://::1", "udp://h:65536",
        "udp://h:-1", "udp://h:5x", "udp://h:", "udp://[::1", "udp://[::1]x:1", "udp://[::g]:1",
        "udp://a b:1", "udp://h:5060/x", "udp://h:٣",
    ],
)  # fmt: skip
def test_what_is_no_listen_is_refused_by_its_text(text: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        Listen.parse(text)

    assert repr(text) in str(caught.value)


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert str(Address("::1", 5060)) == "[::1]:5060"
    assert str(Address("192.0.2.1", 5060)) == "192.0.2.1:5060"


def test_a_flow_is_a_value_and_only_udp_is_unreliable() -> None:
    here, there = Address("192.0.2.1", 5060), Address("192.0.2.2", 5060)

    assert Flow("UDP", here, there) == Flow("UDP", here, there)
    assert len({Flow("UDP", here, there), Flow("UDP", here, there)}) == 1
    assert Flow("TCP", here, there, 1) != Flow("TCP", here, there, 2)
    assert not Flow("UDP", here, there).reliable
    assert Flow("TCP", here, there, 1).reliable
