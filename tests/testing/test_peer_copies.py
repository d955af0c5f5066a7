"""Copies of messages that lack what names them."""

from __future__ import annotations

from trio_sip.testing import MemoryNetwork, SipPeer
from trio_sip.transport import Address


async def test_a_copy_of_a_response_without_cseq_is_no_harm(
    sip_network: MemoryNetwork, sip_peer: SipPeer
) -> None:
    host = sip_network.host("stranger")
    here = Address(host.addresses[0], 5060)
    socket = host.bind_datagrams(here)
    for _ in range(2):
        socket.send_nowait(b"SIP/2.0 200 OK\r\nCall-ID: a\r\n\r\n", here, sip_peer.address)
    came = await sip_peer.expect(200)
    await came.expect_retransmissions(0.0)
    socket.close()

    assert [0.0] == came.retransmissions
