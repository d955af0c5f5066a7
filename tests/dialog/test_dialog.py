"""RFC 3261 section 12, without anything that runs."""

from __future__ import annotations

import pytest

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.dialog import Dialog, DialogId, DialogState
from trio_sip.message import (
    NameAddr,
    Replaces,
    Request,
    Response,
    TargetDialog,
    create_request,
    create_response,
)

ROUTE = [("Record-Route", "<sip:p1.example;lr>"), ("Record-Route", "<sip:p2.example;lr>")]


def invite(
    *,
    contact: str | None = "<sip:alice@192.0.2.1>",
    from_: str = "<sip:alice@a.example>;tag=a",
    headers: list[tuple[str, str]] | None = None,
    cseq: int = 7,
) -> Request:
    return create_request(
        "INVITE",
        "sip:bob@b.example",
        from_=from_,
        to="Bob <sip:bob@b.example>",
        call_id="c1",
        cseq=cseq,
        contact=contact,
        via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
        headers=headers or [],
    )


def answered(status: int = 200, *, contact: str | None = "<sip:bob@192.0.2.2>") -> Response:
    response = create_response(invite(headers=ROUTE), status, to_tag="b")
    if contact is not None:
        response.headers.add("Contact", contact)
    return response


def request_within(method: str, cseq: int, *headers: tuple[str, str]) -> Request:
    return create_request(
        method,
        "sip:bob@192.0.2.2",
        from_="<sip:alice@a.example>;tag=a",
        to="<sip:bob@b.example>;tag=b",
        call_id="c1",
        cseq=cseq,
        headers=headers,
    )


def test_the_dialog_of_a_server() -> None:
    dialog = Dialog.as_uas(invite(headers=ROUTE), "b")

    assert DialogId("c1", "b", "a") == dialog.id
    assert ("b", "Bob", "a") == (dialog.local.tag, dialog.local.display_name, dialog.remote.tag)
    assert "sip:alice@192.0.2.1" == str(dialog.remote_target)
    assert ["p1.example", "p2.example"] == [hop.uri.host for hop in dialog.route_set]
    assert (0, 7, DialogState.CONFIRMED) == (
        dialog.local_sequence,
        dialog.remote_sequence,
        dialog.state,
    )


def test_the_dialog_of_a_client_has_the_route_the_other_way_round() -> None:
    dialog = Dialog.as_uac(invite(), answered())

    assert DialogId("c1", "a", "b") == dialog.id
    assert ["p2.example", "p1.example"] == [hop.uri.host for hop in dialog.route_set]
    assert "sip:bob@192.0.2.2" == str(dialog.remote_target)
    assert (7, None, DialogState.CONFIRMED) == (
        dialog.local_sequence,
        dialog.remote_sequence,
        dialog.state,
    )


def test_both_ends_name_the_dialog_with_the_tags_the_other_way_round() -> None:
    server, client = Dialog.as_uas(invite(), "b"), Dialog.as_uac(invite(), answered())

    assert (server.id.local_tag, server.id.remote_tag) == (
        client.id.remote_tag,
        client.id.local_tag,
    )
    assert server.id == DialogId.of_request(client.create_request("BYE"))
    assert client.id == DialogId.of_request(server.create_request("BYE"))


def test_a_request_without_a_to_tag_is_in_no_dialog() -> None:
    assert DialogId.of_request(invite()) is None


def test_a_peer_of_rfc_2543_has_no_tag() -> None:
    assert DialogId("c1", "b", "") == Dialog.as_uas(invite(from_="<sip:a@a.example>"), "b").id


@pytest.mark.parametrize("contact", [None, "*"])
def test_the_dialog_of_a_server_needs_a_contact(contact: str | None) -> None:
    bad = invite(contact=None)
    if contact is not None:
        bad.headers.add("Contact", contact)
    with pytest.raises(RemoteProtocolError, match="Missing Contact"):
        Dialog.as_uas(bad, "b")


@pytest.mark.parametrize("contact", [None, "*", "<sip:bad"])
def test_the_dialog_of_a_client_stays_where_the_request_went(contact: str | None) -> None:
    dialog = Dialog.as_uac(invite(), answered(contact=contact))

    assert "sip:bob@b.example" == str(dialog.remote_target)


def test_a_request_within_follows_loose_routers() -> None:
    dialog = Dialog.as_uac(invite(), answered())
    bye = dialog.create_request("BYE", headers=[("Reason", "SIP;cause=200")], body=b"x")

    assert "sip:bob@192.0.2.2" == bye.target
    assert ["<sip:p2.example;lr>", "<sip:p1.example;lr>"] == bye.headers.get_all("Route")
    assert "p2.example" == dialog.next_hop.host
    assert (8, "c1", "a", "b") == (bye.cseq.number, bye.call_id, bye.from_.tag, bye.to.tag)
    assert ("SIP;cause=200", b"x") == (bye["Reason"], bye.body)


def test_a_request_within_obeys_a_strict_router() -> None:
    dialog = Dialog.as_uac(invite(), answered())
    dialog.route_set = (NameAddr.parse("<sip:old.example?a=b>"), dialog.route_set[1])
    info = dialog.create_request("INFO", contact="<sip:alice@192.0.2.1>")

    assert "sip:old.example" == info.target
    assert ["<sip:p1.example;lr>", "<sip:bob@192.0.2.2>"] == info.headers.get_all("Route")
    assert "old.example" == dialog.next_hop.host
    assert "<sip:alice@192.0.2.1>" == info["Contact"]


def test_without_routers_the_target_is_the_next_hop() -> None:
    dialog = Dialog.as_uas(invite(), "b")

    assert dialog.next_hop == dialog.remote_target
    assert [] == dialog.create_request("BYE").headers.get_all("Route")


def test_our_requests_are_numbered_one_after_the_other() -> None:
    dialog = Dialog.as_uas(invite(), "b")

    numbers = [dialog.create_request("INFO").cseq.number for _ in range(3)]
    assert [1, 2, 3] == numbers
    assert 4 == dialog.next_sequence()
    assert 5 == dialog.create_request("BYE").cseq.number


@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
def test_ack_and_cancel_belong_to_their_invite(method: str) -> None:
    dialog = Dialog.as_uas(invite(), "b")
    with pytest.raises(LocalProtocolError, match="belongs to the INVITE"):
        dialog.create_request(method)
    assert 0 == dialog.local_sequence


def test_nothing_is_sent_in_a_dialog_that_is_over() -> None:
    dialog = Dialog.as_uas(invite(), "b")
    dialog.state = DialogState.TERMINATED
    with pytest.raises(LocalProtocolError, match="is over"):
        dialog.create_request("BYE")


def test_their_requests_count_upwards() -> None:
    dialog = Dialog.as_uas(invite(cseq=7), "b")

    assert dialog.receive_request(request_within("INFO", 9)) is None
    for late in (8, 9):
        fault = dialog.receive_request(request_within("INFO", late))
        assert fault is not None
        assert 500 == fault.status
    assert dialog.receive_request(request_within("ACK", 7)) is None
    assert dialog.receive_request(request_within("BYE", 10)) is None
    assert 10 == dialog.remote_sequence


def test_a_contact_that_cannot_be_read_is_refused_and_moves_no_target() -> None:
    dialog = Dialog.as_uas(invite(), "b")
    fault = dialog.receive_request(request_within("UPDATE", 8, ("Contact", "<sip:bad")))

    assert fault is not None
    assert (400, "Bad Contact header") == (fault.status, fault.reason)
    assert "sip:alice@192.0.2.1" == str(dialog.remote_target)
    assert dialog.receive_request(request_within("INFO", 9, ("Contact", "<sip:bad"))) is None


def test_a_record_route_that_cannot_be_read_is_none() -> None:
    early = create_response(invite(), 180, to_tag="b")
    early.headers.add("Record-Route", "<<<")
    dialog = Dialog.as_uac(invite(), early)
    answer = answered()
    answer.headers.set("Record-Route", "<<<")
    dialog.receive_response(answer)

    assert () == dialog.route_set
    assert DialogState.CONFIRMED is dialog.state


def test_the_first_request_of_theirs_may_have_any_number() -> None:
    dialog = Dialog.as_uac(invite(), answered())

    assert dialog.receive_request(request_within("BYE", 1)) is None
    assert 1 == dialog.remote_sequence


@pytest.mark.parametrize(
    ("method", "moved"),
    [("INVITE", True), ("UPDATE", True), ("REFER", True), ("INFO", False), ("ACK", False)],
)
def test_only_some_methods_move_the_target(method: str, moved: bool) -> None:
    dialog = Dialog.as_uas(invite(), "b")
    dialog.receive_request(request_within(method, 8, ("Contact", "<sip:new@192.0.2.9>")))

    assert moved == ("new" == dialog.remote_target.user)


def test_a_request_out_of_order_moves_nothing() -> None:
    dialog = Dialog.as_uas(invite(), "b")
    dialog.receive_request(request_within("INVITE", 3, ("Contact", "<sip:new@192.0.2.9>")))

    assert "alice" == dialog.remote_target.user


def test_a_2xx_confirms_an_early_dialog_and_settles_its_route() -> None:
    dialog = Dialog.as_uac(invite(), answered(180))
    before = dialog.state
    final = answered(200, contact="<sip:bob@192.0.2.22>")
    final.headers.remove("Record-Route")
    final.headers.add("Record-Route", "<sip:p3.example;lr>")
    dialog.receive_response(final)

    assert (DialogState.EARLY, DialogState.CONFIRMED) == (before, dialog.state)
    assert "192.0.2.22" == dialog.remote_target.host
    assert ["p3.example"] == [hop.uri.host for hop in dialog.route_set]


def test_a_confirmed_dialog_keeps_its_route() -> None:
    dialog = Dialog.as_uac(invite(), answered())
    again = answered()
    again.headers.remove("Record-Route")
    dialog.receive_response(again)

    assert 2 == len(dialog.route_set)


def test_a_failure_changes_nothing() -> None:
    dialog = Dialog.as_uac(invite(), answered(180))
    dialog.receive_response(answered(486, contact="<sip:evil@203.0.113.1>"))

    assert (DialogState.EARLY, "192.0.2.2") == (dialog.state, dialog.remote_target.host)


def test_a_dialog_shows_its_name_and_no_addresses() -> None:
    assert "a.example" not in repr(Dialog.as_uas(invite(), "b"))
    assert "c1" in repr(Dialog.as_uas(invite(), "b"))


def test_a_response_names_its_dialog_from_our_side() -> None:
    assert Dialog.as_uac(invite(), answered()).id == DialogId.of_response(answered())
    assert DialogId.of_response(create_response(invite(), 100)) is None


def test_the_receiver_of_replaces_finds_its_dialog() -> None:
    at_alice, at_bob = Dialog.as_uac(invite(), answered()).id, Dialog.as_uas(invite(), "b").id

    # Carol replaces Bob at Alice: Bob tells her how Alice calls their dialog.
    assert at_alice == DialogId.of_replaces(at_bob.replaced_by())
    assert at_bob == DialogId.of_replaces(at_alice.replaced_by(early_only=True))
    assert at_alice.replaced_by(early_only=True).early_only


def test_a_peer_without_a_tag_is_replaced_by_the_tag_0() -> None:
    old = DialogId("c1", "b", "")

    assert "c1;to-tag=0;from-tag=b" == str(old.replaced_by())
    assert old == DialogId.of_replaces(Replaces("c1", "b", "0"))


def test_the_receiver_of_target_dialog_finds_its_dialog() -> None:
    at_alice, at_bob = Dialog.as_uac(invite(), answered()).id, Dialog.as_uas(invite(), "b").id
    header = TargetDialog(at_bob.call_id, at_bob.local_tag, at_bob.remote_tag)

    assert at_alice == DialogId.of_target_dialog(header)


@pytest.mark.parametrize(("target", "secure"), [("sips:bob@b.example", True), ("sip:b@b", False)])
def test_a_dialog_that_began_securely_stays_secure(target: str, secure: bool) -> None:
    request = invite()
    request.target = target
    response = create_response(request, 200, to_tag="b")

    assert secure == Dialog.as_uas(request, "b").secure
    assert secure == Dialog.as_uac(request, response).secure


def test_the_ack_of_a_2xx_has_the_number_and_the_credentials_of_its_invite() -> None:
    first = invite(headers=[("Authorization", "Digest a=1"), ("Proxy-Authorization", "Digest b=2")])
    dialog = Dialog.as_uac(first, answered())
    dialog.create_request("INFO")
    ack = dialog.create_ack(first, headers=[("Content-Type", "text/plain")], body=b"x")

    assert ("ACK", 7, "sip:bob@192.0.2.2") == (ack.method, ack.cseq.number, ack.target)
    assert ["Digest a=1"] == ack.headers.get_all("Authorization")
    assert ["Digest b=2"] == ack.headers.get_all("Proxy-Authorization")
    assert 2 == len(ack.headers.get_all("Route"))
    assert (b"x", 8) == (ack.body, dialog.local_sequence)
    assert "Via" not in ack


def test_a_dialog_lives_as_long_as_one_of_its_usages() -> None:
    dialog = Dialog.as_uas(invite(), "b")
    session, subscription = object(), object()
    for usage in (session, subscription):
        dialog.begin_usage(usage)

    assert (session, subscription) == dialog.usages
    states = [(dialog.end_usage(usage), dialog.state) for usage in (session, session, subscription)]
    alive, over = (False, DialogState.CONFIRMED), (True, DialogState.TERMINATED)
    assert [alive, alive, over] == states


def test_a_dialog_that_is_over_is_not_confirmed_by_a_late_2xx() -> None:
    dialog = Dialog.as_uac(invite(), answered(180))
    usage = object()
    dialog.begin_usage(usage)
    dialog.end_usage(usage)
    dialog.receive_response(answered(200))

    assert DialogState.TERMINATED is dialog.state


def test_a_contact_that_cannot_be_read_changes_nothing() -> None:
    dialog = Dialog.as_uac(invite(), answered(180))
    with pytest.raises(RemoteProtocolError):
        dialog.receive_response(answered(200, contact="<sip:bad"))

    assert DialogState.EARLY is dialog.state
