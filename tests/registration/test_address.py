from __future__ import annotations

import pytest

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import Uri
from trio_sip.registration import address_of_record

ALICE = "sip:alice@example.com"


@pytest.mark.parametrize(
    "text",
    [
        ALICE,
        "SIP:alice@EXAMPLE.com",
        "sip:%61lice@example.com",
        "sip:alice@example.com;transport=tcp;user=phone",
        "sip:alice@example.com?Subject=hello",
        "sip:alice:secret@example.com",
    ],
)
def test_spellings_of_one_address_have_one_key(text: str) -> None:
    assert ALICE == address_of_record(text)
    assert ALICE == address_of_record(Uri.parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "sip:Alice@example.com",
        "sips:alice@example.com",
        "sip:alice@example.com:5060",
        "sip:alice@example.org",
        "sip:example.com",
        "sip:alice;ext=3@example.com",
        "sip:%2561lice@example.com",
    ],
)
def test_other_addresses_have_other_keys(text: str) -> None:
    assert address_of_record(text) != ALICE


def test_escapes_are_decoded_once() -> None:
    assert "sip:%61lice@example.com" == address_of_record("sip:%2561lice@example.com")


def test_an_escaped_nul_stays_in_the_user() -> None:
    key = address_of_record("sip:null-%00-null@example.com")

    assert "sip:null-\0-null@example.com" == key


def test_bytes_that_are_no_utf8_are_kept_apart() -> None:
    keys = {address_of_record(f"sip:%{byte:02x}@example.com") for byte in range(0x80, 0x100)}

    assert 128 == len(keys)


def test_an_address_without_user_and_one_of_ipv6() -> None:
    assert "sip:example.com" == address_of_record("sip:Example.com;lr")
    assert "sips:a@[2001:db8::a]:5061" == address_of_record("sips:a@[2001:DB8::A]:5061")


@pytest.mark.parametrize(
    "text", ["isbn:2983792873", "tel:+15551234", "http://www.example.com", "sip:", "alice", ""]
)
def test_only_sip_and_sips_uris_are_addresses_of_record(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        address_of_record(text)

    assert 400 == caught.value.status_hint
