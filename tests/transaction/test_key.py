"""Matching: RFC 3261 sections 17.1.3, 17.2.3, 8.2.2.2, and RFC 2543's long rule."""

from __future__ import annotations

import pytest

from trio_sip.transaction import TransactionLayer, Verdict
from trio_sip.transaction._key import client_key, merge_key, server_key

from .conversation import UDP, ack, cancel, invite, received, request, response, wire


def key(**given: object) -> object:
    return server_key(request(**given), "OPTIONS")  # type: ignore[arg-type]  # passed on


@pytest.mark.parametrize(
    "other",
    [
        {"branch": "z9hG4bKother"},
        {"branch": "z9hG4bKNASHDS8"},
        {"sent_by": "pc34.atlanta.example"},
        {"sent_by": "pc33.atlanta.example:5070"},
    ],
)
def test_requests_of_other_branches_or_senders_are_other_transactions(
    other: dict[str, object],
) -> None:
    assert key() != key(**other)


@pytest.mark.parametrize(
    "same",
    [
        {"sent_by": "PC33.Atlanta.EXAMPLE"},
        {"sent_by": "pc33.atlanta.example:5060"},
        {"call_id": "other", "cseq": 5, "from_tag": "x", "to_tag": "y"},
    ],
)
def test_case_default_port_and_the_rest_of_the_message_make_no_difference(
    same: dict[str, object],
) -> None:
    assert key() == key(**same)


def test_the_default_port_of_tls_is_its_own() -> None:
    assert key(transport="TLS") == key(transport="TLS", sent_by="pc33.atlanta.example:5061")
    assert key(transport="TLS") != key(transport="TLS", sent_by="pc33.atlanta.example:5060")


def test_the_same_branch_of_another_method_is_another_transaction() -> None:
    assert server_key(invite(), "INVITE") != server_key(cancel(), "CANCEL")
    assert server_key(invite(), "INVITE") == server_key(cancel(), "INVITE")
    assert server_key(invite(), "INVITE") == server_key(ack(), "INVITE")


@pytest.mark.parametrize("branch", [None, "z9hG4bK", "1", "Z9HG4BKnashds8"])
@pytest.mark.parametrize(
    "other",
    [
        {"call_id": "other"},
        {"cseq": 5},
        {"from_tag": "other"},
        {"to_tag": "other"},
        {"target": "sip:carol@biloxi.example"},
        {"sent_by": "pc34.atlanta.example"},
    ],
)
def test_without_a_branch_of_rfc_3261_everything_that_rfc_2543_names_counts(
    branch: str | None, other: dict[str, object]
) -> None:
    assert key(branch=branch) == key(branch=branch)
    assert key(branch=branch) != key(branch=branch, **other)


def test_a_response_matches_by_branch_and_cseq_method() -> None:
    assert ("z9hG4bKnashds8", "INVITE") == client_key(response(invite(), 200))[:2]
    assert ("z9hG4bKnashds8", "CANCEL") == client_key(response(cancel(), 200))[:2]
    assert client_key(invite()) == client_key(response(invite(), 200))


def test_a_response_without_a_branch_matches_no_request_of_ours() -> None:
    assert ("", "OPTIONS") == client_key(response(request(branch=None), 200))[:2]


def test_copies_of_a_forked_request_are_known_by_call_id_from_tag_and_cseq() -> None:
    assert merge_key(request()) == merge_key(request(branch="z9hG4bKother", sent_by="p2.example"))
    assert merge_key(request()) != merge_key(request(cseq=5))
    assert merge_key(request()) != merge_key(request(from_tag="other"))
    assert merge_key(request()) != merge_key(request(call_id="other"))
    assert merge_key(invite()) != merge_key(request())


def test_requests_within_a_dialog_are_never_merged() -> None:
    assert merge_key(request(to_tag="a6c85cf")) is None


@pytest.mark.parametrize("branch", [None, "z9hG4bK", "old"])
def test_an_rfc_2543_ack_matches_the_rejection_whose_to_tag_it_bears(branch: str | None) -> None:
    layer = TransactionLayer()
    message = invite(branch=branch)
    transaction = received(layer, message)
    layer.send_response(transaction, wire(message, 486, to_tag="ours"), 486, 0.0)

    wrong = layer.receive_request(ack(branch=branch, to_tag="theirs"), UDP, 0.1)
    right = layer.receive_request(ack(branch=branch, to_tag="ours"), UDP, 0.2)

    assert Verdict.STRAY_ACK is wrong
    assert Verdict.ABSORBED is right
    assert "Confirmed" == transaction.state.value
