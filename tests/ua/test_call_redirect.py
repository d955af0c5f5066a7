"""Where a 3xx sends a request."""

from __future__ import annotations

import pytest

from trio_sip._errors import RequestRejected
from trio_sip.message import Response, Uri
from trio_sip.stack import IncomingRequest, Service
from trio_sip.testing import MemoryNetwork
from trio_sip.ua._call_redirect import Redirections, targets_of

from .calls import agent, labels

BOB = Uri.parse("sip:bob@example.com")


def moved(*contacts: str, status: int = 302) -> Response:
    response = Response(status)
    for contact in contacts:
        response.add_header("Contact", contact)
    return response


def test_targets_come_in_the_order_of_q_and_those_without_come_first() -> None:
    response = moved("<sip:c@x>;q=0.2", "<sip:a@x>, <sip:b@x>;q=0.9", "<sip:d@x>;q=0")

    assert ["sip:a@x", "sip:b@x", "sip:c@x", "sip:d@x"] == list(map(str, targets_of(response)))


def test_what_is_no_sip_uri_or_cannot_be_read_is_passed_over() -> None:
    assert [] == targets_of(moved("<mailto:bob@example.com>"))
    assert [] == targets_of(moved("<<<"))
    assert [] == targets_of(moved("*"))
    assert [] == targets_of(moved())


def test_a_q_that_is_none_counts_as_the_lowest() -> None:
    response = moved("<sip:a@x>;q=much", "<sip:b@x>;q=0.1")

    assert ["sip:b@x", "sip:a@x"] == list(map(str, targets_of(response)))


def test_at_most_twenty_targets_are_taken_from_one_response() -> None:
    assert 20 == len(targets_of(moved(*(f"<sip:{number}@x>" for number in range(30)))))


def test_one_target_after_the_other_is_tried_and_none_twice() -> None:
    redirections = Redirections(BOB, 1)
    response = moved("<sip:a@x>", "<sip:bob@example.com>", "<sip:b@x>", "<sip:a@x>")

    assert "sip:a@x" == str(redirections.next_target(302, response))
    assert "sip:b@x" == str(redirections.next_target(404, Response(404)))
    assert redirections.next_target(404, Response(404)) is None


def test_the_targets_of_a_second_redirection_come_before_those_left_of_the_first() -> None:
    redirections = Redirections(BOB, 2)

    assert "sip:a@x" == str(redirections.next_target(302, moved("<sip:a@x>", "<sip:b@x>")))
    assert "sip:c@x" == str(redirections.next_target(302, moved("<sip:c@x>")))
    assert "sip:b@x" == str(redirections.next_target(302, moved("<sip:d@x>")))
    assert redirections.next_target(480, None) is None


def test_a_refusal_by_everybody_ends_the_search() -> None:
    redirections = Redirections(BOB, 1)
    redirections.next_target(302, moved("<sip:a@x>", "<sip:b@x>"))

    assert redirections.next_target(603, Response(603)) is None
    assert redirections.next_target(404, Response(404)) is None


def test_headers_in_a_target_are_not_obeyed() -> None:
    redirections = Redirections(BOB, 1)

    assert "sip:a@x" == str(redirections.next_target(302, moved("<sip:a@x?Subject=hello>")))


def test_there_is_a_limit_to_the_hops() -> None:
    redirections = Redirections(BOB, 2)
    hops = [redirections.next_target(302, moved(f"<sip:{name}@x>")) for name in "abc"]

    assert ["sip:a@x", "sip:b@x", "None"] == list(map(str, hops))


def test_a_secure_target_is_not_given_up_for_one_that_is_not() -> None:
    redirections = Redirections(Uri.parse("sips:bob@example.com"), 1)
    target = redirections.next_target(302, moved("<sip:c@c>", "<sips:d@d>"))

    assert "sips:d@d" == str(target)


class Moves(Service):
    """Sends everybody to somebody else."""

    name = "moves"
    methods = frozenset({"OPTIONS"})
    priority = 1

    async def on_request(self, request: IncomingRequest) -> bool:
        if request.uri.user == "moved":
            request.respond(302, headers=[("Contact", "<sip:bob@192.0.2.2;a=1>")])
            return True
        return False


async def test_requests_of_any_method_follow_if_they_may(sip_network: MemoryNetwork) -> None:
    async with agent(sip_network, "alice") as alice, agent(sip_network, "bob") as bob:
        with bob.stack.registered(Moves()):
            response = await alice.send_request("OPTIONS", "sip:moved@192.0.2.2", redirections=1)
            with pytest.raises(RequestRejected, match="302"):
                await alice.send_request("OPTIONS", "sip:moved@192.0.2.2")

    assert 200 == response.status
    assert ["OPTIONS", "302 (OPTIONS)", "OPTIONS", "200 (OPTIONS)"] == labels(sip_network)[:4]
