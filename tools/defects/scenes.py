"""Scenes between a user agent of ours and a scripted peer, told by `explain`.

``python -m tools.defects.scenes NAME`` prints what it finds, a line each: the rule, and the
sentence.  What the scene itself thinks of it does not matter.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs
import trio
import trio.testing

from trio_sip._errors import SipError
from trio_sip.auth import PlainSecret
from trio_sip.dialog import Dialog
from trio_sip.message import Via
from trio_sip.sdp import SessionDescription
from trio_sip.services import MemoryLocation, Registrar
from trio_sip.session import Reliable, SessionSettings
from trio_sip.testing import (
    MemoryNetwork,
    MessagePattern,
    PeerCall,
    PeerRequest,
    SipPeer,
    explain,
    ladder,
)
from trio_sip.transport import Address
from trio_sip.ua import IncomingCall, UserAgent, open_user_agent

__all__ = ["SCENES", "findings"]

BOB = "sip:bob@192.0.2.2:5060"
OFFER = SessionDescription.audio(4000, "192.0.2.2", session_id=1)
SECRET = PlainSecret("bob", "builder")
_LONGEST = 1000.0


@attrs.frozen
class Stage:
    """Bob, whose stack has the defect, and the peer."""

    network: MemoryNetwork
    bob: UserAgent
    peer: SipPeer


async def take(call: IncomingCall) -> None:
    """Ring, and answer; or not, as the user part says."""
    if call.target.user == "thinker":
        await trio.sleep(1.2)
    await call.ring()
    if call.target.user == "ringer":
        await trio.sleep_forever()
    await trio.sleep(0.1)
    offer = call.offer
    await call.answer(OFFER if offer is None else offer.answer(5000))
    await trio.sleep(15 if call.target.user == "brief" else 500)


@asynccontextmanager
async def stage(network: MemoryNetwork) -> AsyncIterator[Stage]:
    host = network.host("bob", "192.0.2.2")
    async with (
        open_user_agent(
            BOB,
            listen="udp://192.0.2.2:5060",
            network=host,
            services=[Registrar(MemoryLocation())],
            password=SECRET.password,
            call_settings=SessionSettings(session_expires=90, reliable=Reliable.SUPPORTED),
            grace=1.0,
        ) as bob,
        trio.open_nursery() as nursery,
    ):
        peer = SipPeer(network.host("peer", "192.0.2.1"), "192.0.2.1", name="peer")
        await nursery.start(peer.run)
        await nursery.start(bob.serve_calls, take)
        yield Stage(network, bob, peer)
        nursery.cancel_scope.cancel()


async def is_called(on: Stage) -> None:
    """Through two proxies; Bob hangs up."""
    here = on.peer.address
    routes = [("Record-Route", f"<sip:{here};lr;x={one}>") for one in (2, 1)]
    sent = await on.peer.request(
        "INVITE", "sip:brief@192.0.2.2:5060", headers=routes, body=on.peer.sdp
    )
    response = await sent.final()
    call = PeerCall(on.peer, Dialog.as_uac(sent.request, response.message))
    # The proxies are imagined.
    await on.peer.send(call.dialog.create_ack(sent.request), to=Address("192.0.2.2", 5060))
    await call.expect_bye(within=100)


async def is_not_acknowledged(on: Stage) -> None:
    sent = await on.peer.request("INVITE", BOB, body=on.peer.sdp)
    await sent.final()
    await trio.sleep(40)


async def calls(on: Stage) -> None:
    """Holds, resumes, and hangs up."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_answers, on.peer)
        async with on.bob.call(on.peer.uri, OFFER) as call:
            await call.answered()
            await call.hold()
            await call.resume()
            await call.info("x", content_type="text/plain")
        nursery.cancel_scope.cancel()


async def _answers(peer: SipPeer) -> None:
    call = await peer.answer()
    version = 1
    while True:
        message = await peer.take(
            [MessagePattern()], within=600, belongs=lambda one: call.owns(one) or not one.is_owned
        )
        if message.label == "ACK" or not isinstance(message, PeerRequest):
            continue
        version += 1
        body = b"" if message.label in ("BYE", "INFO") else _answer(peer, message.body, version)
        await message.respond(200, body=body)


def _answer(peer: SipPeer, offer: bytes, version: int) -> bytes:
    made = peer.sdp.replace(b"- 1 1 ", b"- 1 %d " % version)
    return made.replace(b"sendrecv", b"recvonly") if b"sendonly" in offer else made


async def thinks_about_a_call(on: Stage) -> None:
    call = await on.peer.invite("sip:thinker@192.0.2.2:5060")
    await call.bye()


async def calls_nobody(on: Stage) -> None:
    async with on.bob.call("sip:nobody@192.0.2.9:5060", OFFER) as call:
        await call.answered()


async def is_cancelled(on: Stage) -> None:
    sent = await on.peer.request("INVITE", "sip:ringer@192.0.2.2:5060", body=on.peer.sdp)
    await sent.expect(180)
    await sent.cancel()
    await sent.final()
    await trio.sleep(10)


async def is_asked_from_behind_a_nat(on: Stage) -> None:
    request = on.peer.create_request("OPTIONS", BOB)
    branch = on.peer.voice.tokens.branch()
    lie = Via("UDP", on.peer.address.host, 9, {"branch": branch, "rport": None})
    request.headers.insert_first("Via", lie)
    await on.peer.send(request)
    await trio.sleep(5)


async def registers(on: Stage) -> None:
    """At a registrar whose nonces are good for a while."""
    uri = f"sip:{on.peer.address}"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_registrar, on.peer)
        async with on.bob.register(60, registrar=uri):
            await trio.sleep(150)
        nursery.cancel_scope.cancel()


async def _registrar(peer: SipPeer) -> None:
    count = 0
    while True:
        request = await peer.expect("REGISTER", within=600)
        count += 1
        if "Authorization" not in request or count in (4, 5):
            await request.challenge("example.com", SECRET, stale=count > 1)
        else:
            await request.respond(200, headers=[("Contact", request["Contact"]), ("Expires", 60)])


async def is_registered_at(on: Stage) -> None:
    contact = f"<{on.peer.uri}>"
    for number, expires in enumerate((600, 0), 1):
        request = on.peer.create_request(
            "REGISTER", "sip:192.0.2.2:5060", from_="<sip:bob@192.0.2.2>;tag=x",
            to="<sip:bob@192.0.2.2>", call_id="r", cseq=number, contact=contact,
            headers=[("Expires", expires)],
        )  # fmt: skip
        await (await on.peer.send(request)).final()


async def keeps_a_session(on: Stage) -> None:
    call = await on.peer.invite(
        BOB, headers=[("Supported", "timer"), ("Session-Expires", "90;refresher=uas")]
    )
    while True:
        request = await on.peer.take([MessagePattern()], within=200, belongs=call.owns)
        assert isinstance(request, PeerRequest)
        call.dialog.receive_request(request.message)
        expires = [("Session-Expires", "90;refresher=uac")]
        await request.respond(200, headers=expires if request.label == "UPDATE" else ())
        if request.label == "BYE" or request.time > 200:
            return


async def hears_it_ring_reliably(on: Stage) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_rings_reliably, on.peer)
        with trio.move_on_after(20):
            async with on.bob.call(on.peer.uri, OFFER) as call:
                await call.answered()
        nursery.cancel_scope.cancel()


async def _rings_reliably(peer: SipPeer) -> None:
    invite = await peer.expect("INVITE")
    ringing = await invite.respond(180, headers=[("Require", "100rel"), ("RSeq", 7)])
    call = PeerCall(peer, peer.voice.dialog_of(invite.message, ringing))
    prack = await call.expect("PRACK")
    await prack.respond(200)
    await invite.respond(486)
    await trio.sleep(5)


async def is_refused(on: Stage) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_refuses, on.peer)
        try:
            async with on.bob.call(on.peer.uri, OFFER) as call:
                await call.answered()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(10)
            nursery.cancel_scope.cancel()


async def _refuses(peer: SipPeer) -> None:
    invite = await peer.expect("INVITE")
    await invite.respond(180)
    await invite.respond(486)
    await trio.sleep(20)


Scene = Callable[[Stage], Awaitable[None]]
SCENES: dict[str, Scene] = {
    scene.__name__.replace("_", " ").replace(" nat", " NAT"): scene
    for scene in (
        is_called, is_not_acknowledged, calls, thinks_about_a_call, calls_nobody, is_cancelled,
        is_asked_from_behind_a_nat, registers, is_registered_at, keeps_a_session,
        hears_it_ring_reliably, is_refused,
    )
}  # fmt: skip


async def _perform(scene: Scene) -> list[str]:
    async with MemoryNetwork.open(seed=1) as network:
        with trio.move_on_after(_LONGEST):
            try:
                async with stage(network) as on:
                    await scene(on)
            except* (SipError, AssertionError):
                # What the defect did to the scene; what matters is what was seen.
                pass
        found = explain(network.wires, network.names())
        if "--ladder" in sys.argv:
            print(ladder(network.wires, network.names(), fold=True))
    return [f"{one.rule}\t{one.sentence}" for one in found]


def findings(name: str) -> list[str]:
    """What `explain` has to say about a scene: rule, tabulator, sentence."""
    clock = trio.testing.MockClock(autojump_threshold=0)
    return trio.run(_perform, SCENES[name], clock=clock)


if __name__ == "__main__":
    print("\n".join(findings(sys.argv[1])))
