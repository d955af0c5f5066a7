"""What a peer may call itself, and what we have to repeat in the requests of its dialog."""

from __future__ import annotations

import pytest
import trio

from trio_sip.testing import MemoryNetwork, SipPeer
from trio_sip.ua import IncomingCall

from .calls import BOB, OFFER, agent


async def talk(call: IncomingCall) -> None:
    await call.answer(OFFER if call.offer is None else call.offer.answer(5000))
    await trio.sleep(1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("From", b'"a\\\0b" <sip:eve@192.0.2.1>;tag=e'),
        ("From", b'"\\\\\\"" <sip:eve@192.0.2.1>;tag=e;x="\\\0"'),
        ("To", b'"\\\0" <sip:bob@192.0.2.2>;x="\\\0"'),
        ("To", b'"\\\0" <sip:bob@192.0.2.2>'),
        ("Record-Route", b'"\\\0" <sip:192.0.2.1;lr>'),
        ("Contact", b'"\\\0" <sip:eve@192.0.2.1>'),
    ],
)
async def test_a_caller_with_a_strange_name_gets_its_bye(
    name: str, value: bytes, sip_network: MemoryNetwork, sip_peer: SipPeer
) -> None:
    async with agent(sip_network, "bob") as bob, trio.open_nursery() as nursery:
        await nursery.start(bob.serve_calls, talk)
        request = sip_peer.create_request("INVITE", BOB, body=sip_peer.sdp)
        request.headers.insert_first("Via", sip_peer.voice.via("UDP"))
        lines = [
            line
            for line in bytes(request).split(b"\r\n")
            if not line.startswith(name.encode() + b":")
        ]
        lines.insert(2, name.encode() + b": " + value)
        await sip_peer.send_raw(b"\r\n".join(lines), BOB)
        answered = await sip_peer.expect(200)
        bye = await sip_peer.expect("BYE", within=70)
        await bye.respond(200)
        nursery.cancel_scope.cancel()

    assert answered.message.call_id == bye.message.call_id
    assert answered.message.from_.tag == bye.message.to.tag


async def test_a_call_id_that_cannot_be_said_is_refused(
    sip_network: MemoryNetwork, sip_peer: SipPeer
) -> None:
    async with agent(sip_network, "bob") as bob, trio.open_nursery() as nursery:
        await nursery.start(bob.serve_calls, talk)
        request = sip_peer.create_request("INVITE", BOB, call_id="here")
        request.headers.insert_first("Via", sip_peer.voice.via("UDP"))
        await sip_peer.send_raw(bytes(request).replace(b"here", b"he\0re"), BOB)
        refused = await sip_peer.expect(400)
        nursery.cancel_scope.cancel()

    assert "Bad Call-ID header" == refused.message.reason
