"""What a request gets that nobody takes care of: one test for each row of the table."""

from __future__ import annotations

import logging

import pytest
import trio

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.dialog import Dialog
from trio_sip.stack import (
    AccessList,
    Endpoint,
    IncomingRequest,
    StackSettings,
    open_stack,
)
from trio_sip.testing import MakeSipPeer, MemoryNetwork

from .realms import Realm
from .scene import (
    UDP_BOB,
    Application,
    Knows,
    Scene,
    accept,
    invite,
    request,
    run_until_it_ends,
    scene,
    without,
)


async def test_what_is_not_sip_is_dropped_and_counted_on_udp(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        assert [] == await here.alice.answers(b"GET / HTTP/1.1\r\n\r\n")
        assert 1 == here.stack.statistics().garbage


async def test_what_is_not_sip_closes_a_stream(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        stream = await here.connect()
        stream.send(b"GET / HTTP/1.1\r\n\r\n")

        assert await stream.receive() is None
        assert 1 == here.stack.statistics().garbage
        stream.close()


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq"])
async def test_a_missing_header_is_named_in_a_400(name: str, sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        answer = await here.alice.ask(without(request(), name))

        assert (400, f"Missing {name} header") == (answer.status, answer.reason)
        assert 0 == here.stack.statistics().transactions.servers, "without state"


async def test_an_invalid_header_is_named_in_a_400(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        answer = await here.alice.ask(request().replace(b"CSeq: 1 ", b"CSeq: one "))

        assert (400, "Bad CSeq header") == (answer.status, answer.reason)


async def test_an_invite_without_contact_is_told_so(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        answer = await here.alice.ask(request("INVITE"))

        assert (400, "Missing Contact header") == (answer.status, answer.reason)


async def test_a_request_without_a_usable_via_is_dropped(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Application()) as here:
        assert [] == await here.alice.answers(without(request(), "Via"))
        assert [] == await here.alice.answers(request(via="what is this"))
        assert 2 == here.stack.statistics().transport.without_via


async def test_another_version_of_sip_gets_505(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        assert [505] == await here.alice.answers(
            request().replace(b" SIP/2.0\r\n", b" SIP/7.0\r\n", 1)
        )


async def test_a_request_uri_with_a_scheme_nobody_serves_gets_416(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network) as here:
        assert [416] == await here.alice.answers(request(uri="mailto:bob@example.com"))


async def test_max_forwards_0_does_not_keep_a_server_from_answering(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network, Application()) as here:
        data = request().replace(b"Max-Forwards: 70", b"Max-Forwards: 0")

        assert [200] == await here.alice.answers(data)


async def test_an_unknown_extension_gets_420_which_names_it(sip_network: MemoryNetwork) -> None:
    application = Application()
    application.extensions = frozenset({"100rel"})
    async with scene(sip_network, application) as here:
        data = request(headers=["Require: 100rel, warp", "Require: time-travel"])
        answer = await here.alice.ask(data)

        assert 420 == answer.status
        assert "warp, time-travel" == answer["Unsupported"]
        assert [200] == await here.alice.answers(
            request(branch="2", cseq=2, headers=["Require: 100REL"])
        )


async def test_require_in_a_cancel_is_ignored(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Application(forever)) as here:
        here.alice.send(invite())
        await trio.sleep(0.1)
        here.alice.send(request("CANCEL", headers=["Require: warp"]))

        assert [200, 487] == [(await here.alice.response()).status for _ in range(2)]


@pytest.mark.parametrize("method", ["BYE", "CANCEL", "PRACK", "UPDATE"])
async def test_what_belongs_to_a_dialog_gets_481_without_one(
    method: str, sip_network: MemoryNetwork
) -> None:
    identifier = Knows()
    async with scene(sip_network, Application()) as here:
        here.stack.register_endpoint_identifier(identifier)

        assert [481] == await here.alice.answers(request(method))
        assert 0 == identifier.asked, "answered before anybody was asked who sent it"


@pytest.mark.parametrize("method", ["INVITE", "INFO", "OPTIONS", "NOTIFY", "REFER"])
async def test_a_to_tag_of_no_dialog_gets_481(method: str, sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Application()) as here:
        data = request(method, to_tag="unknown", headers=["Contact: <sip:a@192.0.2.1>"])

        assert [481] == await here.alice.answers(data, 0.4)


async def test_an_ack_of_nothing_is_dropped(sip_network: MemoryNetwork) -> None:
    application = Application()
    async with scene(sip_network, application) as here:
        assert [] == await here.alice.answers(request("ACK"))
        assert [] == await here.alice.answers(request("ACK", to_tag="unknown"))
        assert [] == await here.alice.answers(without(request("ACK"), "Call-ID"))
        assert [] == application.seen


async def test_a_request_that_came_by_two_ways_gets_482(sip_network: MemoryNetwork) -> None:
    application = Application()
    async with scene(sip_network, application) as here:
        assert [200] == await here.alice.answers(request(branch="1"))
        assert [482] == await here.alice.answers(request(branch="2"))
        assert 1 == len(application.seen)


async def forever(incoming: IncomingRequest) -> None:
    await trio.sleep_forever()


async def test_an_overloaded_stack_is_silent_on_udp_and_says_503_on_tcp(
    sip_network: MemoryNetwork,
) -> None:
    settings = StackSettings(unanswered_limit=1, retry_after=7)

    async def defer(incoming: IncomingRequest) -> None:
        incoming.defer()

    async with scene(sip_network, Application(defer), settings=settings) as here:
        here.alice.send(request("MESSAGE", call_id="filler"))
        assert [] == await here.alice.answers(request(branch="2", call_id="c2"))
        stream = await here.connect()
        answer = await stream.ask(request(branch="3", call_id="c3"))
        stream.close()

        assert (503, "7") == (answer.status, answer["Retry-After"])
        statistics = here.stack.statistics()
        assert (1, 1) == (statistics.overload_dropped, statistics.overload_refused)


async def test_an_overloaded_stack_says_503_on_udp_too_if_that_is_the_setting(
    sip_network: MemoryNetwork,
) -> None:
    settings = StackSettings(unanswered_limit=1, retry_after=7, refuse_datagrams=True)

    async def defer(incoming: IncomingRequest) -> None:
        incoming.defer()

    async with scene(sip_network, Application(defer), settings=settings) as here:
        here.alice.send(request("MESSAGE", call_id="filler"))
        answer = await here.alice.ask(request(branch="2", call_id="c2"))

        assert (503, "7") == (answer.status, answer["Retry-After"])


async def unidentified(here: Scene) -> int:
    return (await here.alice.ask(request())).status


async def test_somebody_unidentified_gets_401(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Application()) as here:
        here.stack.register_endpoint_identifier(Knows("carol"))
        here.stack.register_authenticator(Realm())

        assert 401 == await unidentified(here)


async def test_somebody_from_the_wrong_address_gets_401(sip_network: MemoryNetwork) -> None:
    knows = Knows()
    knows.endpoints["alice"] = Endpoint(name="alice", acl=AccessList(["198.51.100.0/24"]))
    async with scene(sip_network, Application()) as here:
        here.stack.register_endpoint_identifier(knows)
        here.stack.register_authenticator(Realm())

        assert 401 == await unidentified(here)


async def test_somebody_unidentified_gets_403_where_nobody_can_be_challenged(
    sip_network: MemoryNetwork,
) -> None:
    application = Application()
    async with scene(sip_network, application) as here:
        here.stack.register_endpoint_identifier(Knows("carol"))

        assert 403 == await unidentified(here)
        assert [] == application.seen


async def test_an_identifier_that_raises_makes_a_500_and_nobody_else_is_asked(
    sip_network: MemoryNetwork,
) -> None:
    class Broken:
        async def identify_endpoint(self, request: IncomingRequest) -> None:
            raise ZeroDivisionError("a bug")

    application, identifier = Application(), Knows("alice")
    async with scene(sip_network, application, strict=False) as here:
        here.stack.register_endpoint_identifier(Broken())
        here.stack.register_endpoint_identifier(identifier)

        assert [500] == await here.alice.answers(request())
        assert (0, []) == (identifier.asked, application.seen)
        assert 1 == here.stack.statistics().handler_errors


@pytest.mark.parametrize(
    "hook",
    ["requires_authentication", "authenticate_request", "get_authentication_credentials"],
)
async def test_an_authenticator_that_raises_makes_a_500(
    hook: str, monkeypatch: pytest.MonkeyPatch, sip_network: MemoryNetwork
) -> None:
    async def broken(*args: object) -> bool:
        raise ZeroDivisionError("a bug")

    realm, application = Realm(), Application()
    monkeypatch.setattr(realm, hook, broken)
    async with scene(sip_network, application, strict=False) as here:
        here.stack.register_authenticator(realm)

        assert [500] == await here.alice.answers(request())
        assert [] == application.seen


async def test_who_has_to_prove_something_and_does_not_gets_401(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Application()) as here:
        here.stack.register_authenticator(Realm())
        answer = await here.alice.ask(request())

        assert 401 == answer.status
        assert answer["WWW-Authenticate"].startswith('Digest realm="example.com"')
        assert answer.to.tag


async def test_a_handler_refuses_a_known_user_with_403(sip_network: MemoryNetwork) -> None:
    async def refuse(incoming: IncomingRequest) -> None:
        incoming.respond(403)

    async with scene(sip_network, Application(refuse)) as here:
        assert [403] == await here.alice.answers(request())


class Silent:
    """A usage that only says yes."""

    async def receive_request(self, request: IncomingRequest) -> None:
        await accept(request)


async def test_a_cseq_that_runs_backwards_in_a_dialog_gets_500(sip_network: MemoryNetwork) -> None:
    async def make_dialog(incoming: IncomingRequest) -> None:
        dialog = Dialog.as_uas(incoming.message, incoming.to_tag)
        incoming.stack.add_dialog(dialog, Silent())
        incoming.respond(200)

    async with scene(sip_network, Application(make_dialog)) as here:
        tag = (await here.alice.ask(invite(cseq=10))).to.tag
        assert [200] == await here.alice.answers(request("INFO", branch="2", cseq=12, to_tag=tag))
        assert [500] == await here.alice.answers(request("INFO", branch="3", cseq=11, to_tag=tag))


async def test_a_handler_refuses_a_body_it_does_not_understand_with_415(
    sip_network: MemoryNetwork,
) -> None:
    async def refuse(incoming: IncomingRequest) -> None:
        incoming.respond(415, headers=[("Accept", "application/sdp")])

    async with scene(sip_network, Application(refuse)) as here:
        answer = await here.alice.ask(request(headers=["Content-Type: x/y"], body=b"z"))

        assert (415, "application/sdp") == (answer.status, answer["Accept"])


async def test_a_known_method_that_nobody_serves_gets_405(sip_network: MemoryNetwork) -> None:
    class Choosy(Application):
        async def on_request(self, request: IncomingRequest) -> bool:
            return False

    async with scene(sip_network, Choosy()) as here:
        answer = await here.alice.ask(
            request("SUBSCRIBE", headers=["Contact: <sip:a@192.0.2.1>", "Event: presence"])
        )

        assert 405 == answer.status
        assert "INFO, INVITE, MESSAGE, OPTIONS, PUBLISH" == answer["Allow"]


async def test_an_unknown_method_gets_501(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Application()) as here:
        answer = await here.alice.ask(request("TELEPORT"))

        assert 501 == answer.status
        assert "INFO, INVITE, MESSAGE, OPTIONS, PUBLISH" == answer["Allow"]


async def test_register_without_a_registrar_gets_501(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        assert [501] == await here.alice.answers(request("REGISTER", uri="sip:192.0.2.2"))


async def test_a_method_served_for_other_addresses_gets_404(sip_network: MemoryNetwork) -> None:
    class Choosy(Application):
        async def on_request(self, request: IncomingRequest) -> bool:
            return False

    async with scene(sip_network, Choosy()) as here:
        assert [404] == await here.alice.answers(request())


async def test_a_handler_that_raises_makes_one_500_with_a_reference_to_the_log_and_no_more(
    caplog: pytest.LogCaptureFixture, sip_network: MemoryNetwork
) -> None:
    async def fail(incoming: IncomingRequest) -> None:
        raise ZeroDivisionError("the password is 1234")

    async with scene(sip_network, Application(fail), strict=False) as here:
        answer = await here.alice.ask(request())

        assert 500 == answer.status
        assert b"1234" not in bytes(answer)
        assert [] == await here.alice.statuses(40)
        (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
        assert record.exc_info is not None
        said, reference = answer.body.decode().rsplit(" ", 1)
        assert "Server internal error, reference" == said
        assert (
            f"OPTIONS from 192.0.2.1:5060 (reference {reference}) failed: ZeroDivisionError"
            == record.message
        )
        assert 1 == here.stack.statistics().handler_errors


async def test_a_handler_that_forgets_to_answer_makes_a_500(
    caplog: pytest.LogCaptureFixture, sip_network: MemoryNetwork
) -> None:
    async def forget(incoming: IncomingRequest) -> None:
        pass

    async with scene(sip_network, Application(forget), strict=False) as here:
        assert [500] == await here.alice.answers(request())
        (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
        assert record.exc_info is not None
        assert "service 'application' took a OPTIONS" in str(record.exc_info[1])


async def test_in_strict_mode_a_forgotten_answer_ends_the_stack(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async def forget(incoming: IncomingRequest) -> None:
        pass

    alice = make_sip_peer("alice")
    bob = open_stack(
        UDP_BOB, services=[Application(forget)], network=sip_network.host("bob"), strict=True
    )
    with pytest.raises(LocalProtocolError, match="and did not answer it"):
        await run_until_it_ends(alice, bob)
    await alice.expect(500)


@pytest.mark.parametrize(
    ("said", "reason"),
    [("Expires: a number is wanted", "Bad Expires"), ("what <you> wrote", "Bad Request")],
)
async def test_what_only_a_handler_finds_out_is_the_peers_fault_all_the_same(
    said: str, reason: str, sip_network: MemoryNetwork
) -> None:
    async def find_out(incoming: IncomingRequest) -> None:
        raise RemoteProtocolError(said)

    async with scene(sip_network, Application(find_out)) as here:
        answer = await here.alice.ask(request())

        assert (400, reason) == (answer.status, answer.reason)


@pytest.mark.parametrize("status", [408, 999])
async def test_an_error_whose_status_cannot_be_sent_is_answered_500_and_leaves_nothing(
    status: int, sip_network: MemoryNetwork
) -> None:
    async def find_out(incoming: IncomingRequest) -> None:
        raise RemoteProtocolError("too slow", status)

    async with scene(sip_network, Application(find_out), strict=False) as here:
        assert [500] == await here.alice.answers(request())
        assert 0 == here.stack.statistics().unanswered
        assert 1 == here.stack.statistics().handler_errors


async def test_a_require_header_that_cannot_be_read_gets_400(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Application()) as here:
        answer = await here.alice.ask(request(headers=["Require: <what>"]))

        assert (400, "Bad Require header") == (answer.status, answer.reason)


async def test_copies_of_a_faulty_request_get_the_same_bytes(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        for _ in range(3):
            await here.alice.ask(request("TELEPORT"))
        await here.alice.ask(request("TELEPORT", cseq=2))

        assert 1 == len(set(here.alice.raw[:3]))
        assert 2 == len(set(here.alice.raw))
