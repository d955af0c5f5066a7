"""Who is calling and who says so."""

from __future__ import annotations

from typing import Any

import pytest

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import (
    ALERT_INFO,
    AUTHORIZATION,
    CALL_INFO,
    DIVERSION,
    HISTORY_INFO,
    IDENTITY,
    P_ASSERTED_IDENTITY,
    P_PREFERRED_IDENTITY,
    PATH,
    PRIVACY,
    SERVICE_ROUTE,
    WWW_AUTHENTICATE,
    Headers,
    Identity,
    Privacy,
    Uri,
)


def test_credentials_and_challenges_are_never_split_at_their_commas() -> None:
    digest = 'Digest realm="a, b", nonce="c"'
    headers = Headers([("WWW-Authenticate", digest), ("WWW-Authenticate", "Bearer x,y")])

    assert [digest, "Bearer x,y"] == headers[WWW_AUTHENTICATE]
    assert headers[AUTHORIZATION] == []


def test_an_identity_is_a_claim_and_where_its_certificate_is() -> None:
    text = 'eyJ.a-b_c.d==;info=<https://x.example/c.pem;v=1>;alg=ES256;ppt="shaken"'
    (identity,) = Headers([("y", text)])[IDENTITY]

    assert identity == Identity(
        "eyJ.a-b_c.d==", Uri.parse("https://x.example/c.pem;v=1"), {"alg": "ES256", "ppt": "shaken"}
    )


def test_asserted_identities_are_a_list_of_addresses() -> None:
    headers = Headers(
        [
            ("P-Asserted-Identity", '"A, B" <sip:a@b>, <tel:+1555>'),
            ("P-Preferred-Identity", "<sip:c@d>"),
        ]
    )

    assert ["A, B", None] == [item.display_name for item in headers[P_ASSERTED_IDENTITY]]
    assert [Uri.parse("sip:c@d")] == [item.uri for item in headers[P_PREFERRED_IDENTITY]]


def test_privacy_is_a_set_of_words() -> None:
    privacy = Headers([("Privacy", "ID; critical")])[PRIVACY]

    assert privacy == Privacy(("id", "critical"))
    assert "Critical" in privacy
    assert "header" not in privacy
    assert 7 not in privacy
    assert str(privacy) == "id;critical"


def test_routes_and_histories_are_lists_of_addresses() -> None:
    headers = Headers(
        [
            ("Path", "<sip:p1;lr>"), ("Path", "<sip:p2;lr>,<sip:p3;lr>"), ("Service-Route", "<sip:s;lr>"),
            ("History-Info", "<sip:a@b?Reason=SIP%3Bcause%3D302>;index=1.1"),
            ("Diversion", "<sip:a@b>;reason=unconditional;counter=1"),
            ("Alert-Info", "<http://x/y.wav>"), ("Call-Info", "<http://x/y.jpg>;purpose=icon"),
        ]
    )  # fmt: skip

    assert ["p1", "p2", "p3"] == [item.uri.host for item in headers[PATH]]
    assert [Uri.parse("sip:s;lr")] == [item.uri for item in headers[SERVICE_ROUTE]]
    assert ["1.1"] == [item.params["index"] for item in headers[HISTORY_INFO]]
    assert ["1"] == [item.params["counter"] for item in headers[DIVERSION]]
    assert ["http"] == [item.uri.scheme for item in headers[ALERT_INFO]]
    assert ["icon"] == [item.params["purpose"] for item in headers[CALL_INFO]]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (IDENTITY, ""), (IDENTITY, "a"), (IDENTITY, "a;info=x"), (IDENTITY, "a;info=<x"),
        (IDENTITY, "a b;info=<https://x>"), (IDENTITY, "a;info=<>"), (IDENTITY, "a;info=<x>"),
        (IDENTITY, "a;info=<https://x>y"), (PRIVACY, ""), (PRIVACY, "id;"), (PRIVACY, "a b"),
        (PATH, "<sip:"), (P_ASSERTED_IDENTITY, "x"), (HISTORY_INFO, "<sip:a@b>;"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(field: Any, text: str) -> None:
    with pytest.raises(RemoteProtocolError, match=field.name):
        field.read([text])
