"""What is read at once by a pattern is what is read step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hypothesis import example, given
from hypothesis import strategies as st

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import NameAddr, Via, fill_via
from trio_sip.message._name_addr import _read as read_address
from trio_sip.message._name_addr import _read_step_by_step as read_address_carefully
from trio_sip.message._via import _read as read_via_carefully

Value = TypeVar("Value")

PIECES = st.sampled_from([
    "<", ">", '"', "\\", ";", ";;", ";" * 201, "@", "%41", "%4", ":", "a", "B ", " ", "\t", "[::1]",
    "[zz]", "h", ":5060", ":65000", ":0", ",", "?", "a=b", "&", ";lr", ";tag=1", ";TAG=2", ";tag=",
    ";q=0.5", "=", "\u0130", "\u2028", "\0", "sip:", "tel:", ";x=%40", "[", "'",
])  # fmt: skip
ADDRESSES = st.builds(
    lambda name, uri, params: f"{name}{uri}{params}".strip(" \t"),
    st.sampled_from(["<sip:", '"A" <sip:', "A <sips:", "<sip:a@h", "<sip:a;x@", "sip:", ""]),
    st.lists(PIECES, max_size=4).map("".join),
    st.builds("{}{}".format, st.sampled_from([">", ""]), st.lists(PIECES, max_size=3).map("".join)),
)
PARAMS = st.sampled_from([
    ";rport", "; rport", ";rport=1", ";RPORT", ";rportx", ";a=rport", ";received=9", ";Received=9",
    ";branch=z9hG4bKa", ";Branch=z9hG4bKb", ";branch=", ";branch=rport", ";ttl=1", ";maddr=h",
    ';x="a;rport"', ";x=\u0130", ";", "=", " ", "\t;received=1", "\\", '"',
])  # fmt: skip
VIAS = st.builds(
    lambda protocol, sent_by, params: f"{protocol}{sent_by}{''.join(params)}".strip(" \t"),
    st.sampled_from(["SIP/2.0/UDP ", "SIP / 2.0 / tcp ", "sip/2.0/UDP  "]),
    st.sampled_from(["h", "192.0.2.9", "[::1]", "[zz]", "h:5062", "h : 5062", "h:0", "h\u0130"]),
    st.lists(PARAMS, max_size=5),
)


def outcome(read: Callable[[str], Value], text: str) -> Value | None:
    try:
        return read(text)
    except RemoteProtocolError:
        return None


def parts_of(address: NameAddr | None) -> object:
    if address is None:
        return None
    uri = address.uri
    return (
        str(uri), uri.user, uri.password, uri.host, uri.port, uri.params, uri.headers,
        address.display_name, address.tag, address.params,
    )  # fmt: skip


@given(ADDRESSES)
@example("<sip:a@b" + ";" * 201 + ">")
@example("<sip:a;x=y@[::1]>")
def test_addresses_are_read_alike(text: str) -> None:
    carefully = parts_of(outcome(read_address_carefully, text))

    assert carefully == parts_of(outcome(read_address, text))


@given(VIAS)
def test_vias_are_read_alike_and_filled_in_with_what_was_seen(text: str) -> None:
    carefully, quickly = outcome(read_via_carefully, text), outcome(Via.parse, text)

    assert carefully == quickly
    if carefully is not None and quickly is not None:
        filled = Via.parse(fill_via(text, "192.0.2.1", 7)[0])
        assert carefully.branch == quickly.branch == filled.branch
        assert filled.received in {None, "192.0.2.1"}
        assert (7 if "rport" in carefully.params else None) == filled.rport
