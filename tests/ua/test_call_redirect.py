"""Where a 3xx sends a request: RFC 3261 section 8.1.3.4."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from trio_sip._errors import RequestRejected
from trio_sip.message import Response, Uri, create_request, create_response
from trio_sip.stack import IncomingRequest, Service
from trio_sip.testing import MemoryNetwork
from trio_sip.ua._call_redirect import Redirections, targets_of

from .calls import ALICE, BOB, agent, labels


def moved(*contacts: str, status: int = 302) -> Response:
    request = create_request(
        "OPTIONS", BOB, from_=f"<{ALICE}>;tag=a", to=f"<{BOB}>", call_id="c", cseq=1
    )
    response = create_response(request, status, to_tag="b")
    for contact in contacts:
        response.headers.add("Contact", contact)
    return response


def test_targets_are_tried_in_the_order_of_q() -> None:
    response = moved("<sip:c@c>;q=0.1", "<sip:d@d>", "<sip:e@e>;q=0.5", "<sip:f@f>;q=much")

    assert ["sip:d@d", "sip:e@e", "sip:c@c", "sip:f@f"] == [
        str(one) for one in targets_of(response)
    ]


def test_what_is_no_sip_uri_or_cannot_be_read_is_no_target() -> None:
    assert [] == targets_of(moved("<tel:+1234>", "<mailto:c@c>"))
    assert [] == targets_of(moved("<sip:c@c"))


def test_no_more_than_twenty_targets_are_looked_at() -> None:
    assert 20 == len(targets_of(moved(*(f"<sip:c{number}@c>" for number in range(50)))))


def test_there_is_a_limit_to_the_hops_and_nothing_is_tried_twice() -> None:
    redirections = Redirections(Uri.parse(BOB), 2)
    first = redirections.next_target(302, moved("<sip:c@c>", f"<{BOB}>"))
    second = redirections.next_target(302, moved("<sip:d@d>", "<sip:c@c>"))
    third = redirections.next_target(302, moved("<sip:e@e>"))

    assert ["sip:c@c", "sip:d@d", "None"] == [str(one) for one in (first, second, third)]


def test_after_a_refusal_the_next_target_is_tried_unless_it_is_global() -> None:
    redirections = Redirections(Uri.parse(BOB), 1)
    redirections.next_target(302, moved("<sip:c@c>", "<sip:d@d>", "<sip:e@e>"))

    assert "sip:d@d" == str(redirections.next_target(486, moved(status=486)))
    assert redirections.next_target(603, moved(status=603)) is None
    assert redirections.next_target(486, moved(status=486)) is None


def test_a_secure_target_is_not_given_up_for_one_that_is_not() -> None:
    redirections = Redirections(Uri.parse("sips:bob@example.com"), 1)
    target = redirections.next_target(302, moved("<sip:c@c>", "<sips:d@d>"))

    assert "sips:d@d" == str(target)


class Moves(Service):
    """Sends everybody to somebody else."""

    name = "moves"
    methods = frozenset({"OPTIONS", "MESSAGE"})
    priority = 1

    async def on_request(self, request: IncomingRequest) -> bool:
        if request.uri.user == "moved":
            request.respond(302, headers=[("Contact", "<sip:bob@192.0.2.2;a=1>")])
            return True
        return False


async def test_requests_of_any_method_follow_if_they_may(autojump_clock: MockClock) -> None:
    async with (
        MemoryNetwork.open() as network,
        agent(network, "alice") as alice,
        agent(network, "bob") as bob,
    ):
        with bob.stack.registered(Moves()):
            response = await alice.send_request("OPTIONS", "sip:moved@192.0.2.2", redirections=1)
            with pytest.raises(RequestRejected, match="302"):
                await alice.send_request("OPTIONS", "sip:moved@192.0.2.2")

    assert 200 == response.status
    assert ["OPTIONS", "302 (OPTIONS)", "OPTIONS", "200 (OPTIONS)"] == labels(network)[:4]
