"""Contacts that lead nowhere."""

from __future__ import annotations

import pytest

from trio_sip.dialog import is_private_host, leads_nowhere
from trio_sip.message import Uri


@pytest.mark.parametrize(
    "host",
    [
        "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "169.254.1.1",
        "127.0.0.1", "0.0.0.0", "[::]", "[::1]", "[fd00::1]", "[fe80::1]", "df7jal23ls0d.invalid",
        "DF7JAL23LS0D.INVALID", "x" * 60 + ".invalid",
    ],
)  # fmt: skip
def test_a_contact_that_only_its_own_network_knows_leads_nowhere(host: str) -> None:
    assert leads_nowhere(Uri.parse(f"sip:alice@{host}:5062"), "198.51.100.1")


@pytest.mark.parametrize(
    "host",
    ["192.0.2.1", "172.32.0.1", "100.128.0.1", "8.8.8.8", "[2001:db8::1]", "example.com", "x" * 60],
)
def test_another_contact_is_to_be_obeyed(host: str) -> None:
    assert not leads_nowhere(Uri.parse(f"sip:alice@{host}"), "198.51.100.1")


def test_who_sends_from_its_private_address_can_be_reached_there() -> None:
    assert not leads_nowhere(Uri.parse("sip:alice@10.1.2.3:5062"), "10.1.2.3")
    assert not leads_nowhere(Uri.parse("sip:alice@[FD00::1]:5062"), "fd00::1")
    assert leads_nowhere(Uri.parse("sip:alice@10.1.2.3:5062"), "10.1.2.4")


def test_a_private_host_is_an_address_and_no_name() -> None:
    assert is_private_host("192.168.0.1")
    assert not is_private_host("192.0.2.1")
    assert not is_private_host("0.0.0.0")
    assert not is_private_host("localhost")
