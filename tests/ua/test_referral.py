"""What a REFER says, as it stands on the wire."""

from __future__ import annotations

import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.dialog import DialogId
from trio_sip.message import NameAddr, Replaces, Uri
from trio_sip.ua._referral import refer_headers, refer_to

ALICE = NameAddr.parse("<sip:alice@example.com>")


def test_the_dialog_to_replace_is_escaped_in_the_uri() -> None:
    """As in RFC 3891 section 6.1 and RFC 3515 section 2.1."""
    replaces = Replaces("12345@192.0.2.3", "12345", "5FFE-3994")

    assert (
        "<sip:dave@example.com?Replaces=12345%40192.0.2.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994>"
        == str(refer_to("sip:dave@example.com", replaces))
    )


def test_the_tags_are_as_the_third_party_has_them() -> None:
    """RFC 3891 section 3: our remote tag is its local one, which it finds in to-tag."""
    ours = DialogId("c", local_tag="ours", remote_tag="theirs")
    text = str(refer_to(Uri.parse("sip:c@c"), ours.replaced_by()))
    (header,) = NameAddr.parse(text).uri.headers

    assert ("Replaces", "c;to-tag=theirs;from-tag=ours") == header
    assert DialogId("c", "theirs", "ours") == DialogId.of_replaces(Replaces.parse(header[1]))


def test_parameters_of_a_header_do_not_go_into_refer_to() -> None:
    target = NameAddr.parse('"Carol" <sip:c@c;transport=tcp?Subject=hello>;tag=1')

    assert '"Carol" <sip:c@c;transport=tcp?Subject=hello>' == str(refer_to(target, None))
    assert (
        '"Carol" <sip:c@c;transport=tcp?Subject=hello&Replaces=d%3Bto-tag%3D1%3Bfrom-tag%3D2>'
        == str(refer_to(target, Replaces("d", "1", "2")))
    )


@pytest.mark.parametrize("target", ["carol", "<sip:carol@", ""])
def test_what_is_no_target_is_an_error_of_ours(target: str) -> None:
    with pytest.raises(LocalProtocolError):
        refer_to(target, None)


def test_who_does_not_want_to_follow_says_so() -> None:
    target = refer_to("sip:c@c", None)
    followed = refer_headers(target, ALICE, follow=True, headers=())
    other = refer_headers(target, ALICE, follow=False, headers=(("X-Why", "because"),))

    assert [("Refer-To", target), ("Referred-By", ALICE)] == followed
    assert [("Refer-Sub", "false"), ("Supported", "norefersub"), ("X-Why", "because")] == other[2:]
