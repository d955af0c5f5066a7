"""The registrar that tests of telephones register with."""

from __future__ import annotations

from trio_sip.auth import OutboundCredential, PlainSecret
from trio_sip.testing import PeerResponse, SipPeer, TestRegistrar

SECRET = PlainSecret("alice", "wonderland")


async def register(
    peer: SipPeer, registrar: TestRegistrar, expires: int, secret: PlainSecret | None = None
) -> PeerResponse:
    """Alice's phone registers; the final response."""
    alice = f"<sip:alice@{registrar.uri.host}>"
    credentials = None if secret is None else OutboundCredential(secret, realm="example.com")
    sent = await peer.request(
        "REGISTER",
        registrar.uri,
        from_=alice,
        to=alice,
        headers=[("Contact", peer.contact), ("Expires", expires)],
        credentials=credentials,
    )
    return await sent.final()


async def test_anybody_registers_until_there_are_users(
    sip_registrar: TestRegistrar, sip_peer: SipPeer
) -> None:
    assert 200 == (await register(sip_peer, sip_registrar, 600)).status
    (binding,) = await sip_registrar.bindings(f"sip:alice@{sip_registrar.uri.host}")
    assert str(sip_peer.uri) == binding.contact

    sip_registrar.add_user("alice", "wonderland")

    assert 401 == (await register(sip_peer, sip_registrar, 0)).status
    assert 200 == (await register(sip_peer, sip_registrar, 0, SECRET)).status
    # The last one was challenged first.
    expires = [request.message["Expires"] for request in sip_registrar.requests]
    assert ["600", "0", "0", "0"] == expires


async def test_it_forgets_as_a_server_does_that_was_restarted(
    sip_registrar: TestRegistrar, sip_peer: SipPeer
) -> None:
    await register(sip_peer, sip_registrar, 600)
    await sip_registrar.forget()

    assert () == await sip_registrar.bindings(f"sip:alice@{sip_registrar.uri.host}")


async def test_it_refuses_as_often_as_it_is_told(
    sip_registrar: TestRegistrar, sip_peer: SipPeer
) -> None:
    sip_registrar.refuse(423, headers=[("Min-Expires", "300")])
    sip_registrar.refuse(503, count=2)
    answers = [await register(sip_peer, sip_registrar, 0) for _ in range(4)]

    assert [423, 503, 503, 200] == [answer.status for answer in answers]
    assert "300" == answers[0]["Min-Expires"]
