"""Dialogs in a stack: their requests go to their usage, in their work, as from their endpoint."""

from __future__ import annotations

import pytest
import trio

from trio_sip._errors import LocalProtocolError
from trio_sip.dialog import Dialog
from trio_sip.message import Request
from trio_sip.stack import ANONYMOUS, DialogEntry, Endpoint, IncomingRequest
from trio_sip.testing import MemoryNetwork
from trio_sip.work import current_work

from .answers import answer, serve
from .realms import Realm, credentials
from .scene import Application, Knows, Scene, invite, request, scene


class Session:
    """A usage that notes what it is given, and answers after a while."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.seen: list[str] = []
        self.works: list[object] = []
        self.endpoints: list[Endpoint] = []

    async def receive_request(self, request: IncomingRequest) -> None:
        self.seen.append(request.method)
        self.works.append(current_work())
        self.endpoints.append(request.endpoint)
        await trio.sleep(self.seconds)
        if request.method != "ACK":
            request.respond(200)


class Host(Application):
    """Answers an INVITE with a dialog of its own."""

    def __init__(self, session: Session, endpoint: Endpoint = ANONYMOUS) -> None:
        super().__init__()
        self.session = session
        self.endpoint = endpoint
        self.entries: list[DialogEntry] = []
        self.named = False

    async def on_request(self, request: IncomingRequest) -> bool:
        self.seen.append(request)
        dialog = Dialog.as_uas(request.message, request.to_tag)
        work = request.stack.create_work("the call") if self.named else None
        self.entries.append(
            request.stack.add_dialog(dialog, self.session, endpoint=self.endpoint, work=work)
        )
        request.respond(200, headers=[("Contact", "<sip:bob@192.0.2.2>")])
        return True


async def call(here: Scene) -> str:
    """Alice calls; the tag that Bob gave the dialog."""
    tag = (await here.alice.ask(invite())).to.tag
    assert tag is not None
    here.alice.send(request("ACK", branch="ack", to_tag=tag))
    return tag


async def test_requests_of_a_dialog_go_to_its_usage_and_no_further(
    sip_network: MemoryNetwork,
) -> None:
    session = Session()
    host = Host(session)
    async with scene(sip_network, host) as here:
        tag = await call(here)
        for number, method in enumerate(["INFO", "OPTIONS", "UPDATE", "WARP", "BYE"]):
            data = request(
                method,
                branch=method,
                cseq=number + 2,
                to_tag=tag,
                headers=["Contact: <sip:alice@192.0.2.1>"],
            )
            assert [200] == await here.alice.answers(data)

        assert 1 == here.stack.statistics().dialogs
        assert ("c1",) == here.stack.snapshot().dialogs
    assert ["ACK", "INFO", "OPTIONS", "UPDATE", "WARP", "BYE"] == session.seen
    assert 1 == len(host.seen)


async def test_requests_of_a_dialog_are_neither_identified_nor_challenged_again(
    sip_network: MemoryNetwork,
) -> None:
    class OnlyInvites(Realm):
        async def requires_authentication(
            self, endpoint: Endpoint, request: IncomingRequest
        ) -> bool:
            self.asked.append(request.method)
            return False

    session, knows, realm = Session(), Knows("alice"), OnlyInvites()
    carol = Endpoint(name="carol")
    async with scene(sip_network, Host(session, carol)) as here:
        here.stack.register_endpoint_identifier(knows)
        here.stack.register_authenticator(realm)
        tag = await call(here)
        data = request("INFO", branch="2", cseq=2, to_tag=tag, from_="sip:zoe@example.com")
        assert [200] == await here.alice.answers(data)

        assert {} == here.stack.statistics().security_events
    assert (["INVITE"], 1) == (realm.asked, knows.asked)
    assert [carol, carol] == session.endpoints


async def test_requests_of_a_dialog_are_handled_in_order_in_its_work(
    sip_network: MemoryNetwork,
) -> None:
    session = Session(seconds=1)
    host = Host(session)
    host.named = True
    async with scene(sip_network, host) as here:
        tag = await call(here)
        for number in range(3):
            here.alice.send(request("INFO", branch=str(number + 2), cseq=number + 2, to_tag=tag))
        began = trio.current_time()
        for _ in range(3):
            await here.alice.response()

        assert began + 4 <= trio.current_time(), "the ACK took its second, too"
        (entry,) = host.entries
        assert {entry.work} == set(session.works)
        assert "the call" == entry.work.name
        await entry.work.aclose()
        # Whatever comes now comes too late.
        assert [503] == await here.alice.answers(request("INFO", branch="9", cseq=9, to_tag=tag))
        here.alice.send(request("ACK", branch="late", to_tag=tag))
        await trio.sleep(1)


async def test_a_dialog_has_one_entry(sip_network: MemoryNetwork) -> None:
    host = Host(Session())
    async with scene(sip_network, host) as here:
        await call(here)
        with pytest.raises(LocalProtocolError, match="such a dialog already"):
            here.stack.add_dialog(host.entries[0].dialog, Session())


async def test_a_dialog_that_was_removed_gets_481(sip_network: MemoryNetwork) -> None:
    host = Host(Session())
    async with scene(sip_network, host) as here:
        tag = await call(here)
        here.stack.remove_dialog(host.entries[0].dialog)
        here.stack.remove_dialog(host.entries[0].dialog)

        assert [481] == await here.alice.answers(request("INFO", branch="2", cseq=2, to_tag=tag))


async def test_the_tags_are_part_of_a_dialogs_name(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Host(Session())) as here:
        tag = await call(here)
        for data in (
            request("INFO", branch="2", cseq=2, to_tag=tag, from_tag="z"),
            request("INFO", branch="3", cseq=2, to_tag=tag, call_id="c9"),
            request("INFO", branch="4", cseq=2, to_tag="a", from_tag=tag),
        ):
            assert [481] == await here.alice.answers(data)


async def test_a_new_cseq_is_wanted_for_each_request(sip_network: MemoryNetwork) -> None:
    session = Session()
    async with scene(sip_network, Host(session)) as here:
        tag = await call(here)
        assert [200] == await here.alice.answers(request("INFO", branch="2", cseq=5, to_tag=tag))
        assert [500] == await here.alice.answers(request("INFO", branch="3", cseq=4, to_tag=tag))
    assert ["ACK", "INFO"] == session.seen


async def test_an_unknown_extension_in_a_dialog_gets_420(sip_network: MemoryNetwork) -> None:
    session = Session()
    async with scene(sip_network, Host(session)) as here:
        tag = await call(here)
        data = request("INFO", branch="2", cseq=2, to_tag=tag, headers=["Require: warp"])
        answer = await here.alice.ask(data)

        assert (420, "warp") == (answer.status, answer["Unsupported"])
    assert ["ACK"] == session.seen


async def test_the_limits_on_new_requests_do_not_hold_for_dialogs(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network, Host(Session())) as here:
        tag = await call(here)
        works = here.stack._parts.works
        works._overloaded += 1
        assert [] == await here.alice.answers(request(branch="2", call_id="c2"))
        assert [200] == await here.alice.answers(request("INFO", branch="3", cseq=3, to_tag=tag))
        works._overloaded -= 1


# -- requests of ours in a dialog


async def test_our_requests_in_a_dialog_follow_its_route_and_count(
    sip_network: MemoryNetwork,
) -> None:
    seen: list[Request] = []
    host = Host(Session())
    async with scene(sip_network, host) as here, trio.open_nursery() as nursery:
        record = ["Record-Route: <sip:192.0.2.1;lr>, <sip:p2.example;lr>"]
        await here.alice.ask(invite(headers=record))
        nursery.start_soon(serve, here.alice, lambda request: [answer(request, 200)], seen)
        dialog = host.entries[0].dialog
        for method in ("INFO", "BYE"):
            await here.stack.send_request(method, dialog=dialog, headers=[("X-Trace", "1")])
        with pytest.raises(LocalProtocolError, match="belongs to the INVITE"):
            await here.stack.send_request("ACK", dialog=dialog)
        nursery.cancel_scope.cancel()

    info, bye = seen
    assert [1, 2] == [info.cseq.number, bye.cseq.number]
    assert "sip:alice@192.0.2.1" == info.target
    assert ["<sip:192.0.2.1;lr>", "<sip:p2.example;lr>"] == info.headers.get_all("Route")
    assert (dialog.id.call_id, dialog.id.local_tag, "a") == (
        info.call_id,
        info.from_.tag,
        info.to.tag,
    )
    assert "1" == info["X-Trace"]


async def test_a_challenge_in_a_dialog_uses_up_a_number_of_the_dialog(
    sip_network: MemoryNetwork,
) -> None:
    seen: list[Request] = []

    def script(request: Request) -> list[bytes]:
        if "Authorization" in request.headers:
            return [answer(request, 200)]
        challenge = ("WWW-Authenticate", 'Digest realm="example.com", nonce="n", qop="auth"')
        return [answer(request, 401, challenge)]

    host = Host(Session())
    async with scene(sip_network, host) as here, trio.open_nursery() as nursery:
        await here.alice.ask(invite())
        nursery.start_soon(serve, here.alice, script, seen)
        dialog = host.entries[0].dialog
        for _ in range(2):
            await here.stack.send_request("INFO", dialog=dialog, credentials=credentials())
        nursery.cancel_scope.cancel()

    assert [1, 2, 3, 4] == [request.cseq.number for request in seen]


async def test_a_success_moves_the_target_of_the_dialog(sip_network: MemoryNetwork) -> None:
    contacts = iter(["<sip:alice@192.0.2.1:5060;x=1>", "<<nonsense"])

    def script(request: Request) -> list[bytes]:
        return [answer(request, 200, ("Contact", next(contacts)))]

    host = Host(Session())
    async with scene(sip_network, host) as here, trio.open_nursery() as nursery:
        await here.alice.ask(invite())
        nursery.start_soon(serve, here.alice, script)
        dialog = host.entries[0].dialog
        for _ in range(2):
            await here.stack.send_request("UPDATE", dialog=dialog)
        nursery.cancel_scope.cancel()

        assert "sip:alice@192.0.2.1:5060;x=1" == str(dialog.remote_target)
