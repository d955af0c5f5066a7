"""Digest with AKA (RFC 3310): a peer of ours as the network, SIPp and our own runner as telephones."""

from __future__ import annotations

from pathlib import Path

import pytest

from trio_sip.auth import AuthOutcome
from trio_sip.testing import AkaSecret, PeerRequest, PeerThread, SipPeer

from .sipp import Calls, Runner, open_calling

pytest.importorskip("cryptography")
pytestmark = pytest.mark.interop

# SIPp reads keys again as text, so that none may have the octet of a bracket or a zero in it.
K, OP = "0396eb317b6d1c36f19c1c84cd6ffd16", "ff53bade17df5d4e793073ce9d7579fa"
SECRET = AkaSecret(username="alice", k=K, op=OP)


async def challenge_and_verify(peer: SipPeer) -> list[AuthOutcome]:
    request = await peer.expect("REGISTER")
    assert isinstance(request, PeerRequest)
    await request.challenge("ims.example", SECRET)
    again = await peer.expect("REGISTER", cseq__number=2)
    assert isinstance(again, PeerRequest)
    outcome = again.check_credentials("ims.example", SECRET)
    await again.respond(200, headers=[("Contact", again["Contact"])])
    return [outcome]


@pytest.mark.parametrize("runner", Runner)
@pytest.mark.parametrize(("k", "outcome"), [(K, AuthOutcome.OK), (K[::-1], None)])
def test_a_card_in_a_scenario_answers_the_challenge_of_a_peer(
    runner: Runner,
    k: str,
    outcome: AuthOutcome | None,
    sip_peer_thread: PeerThread,
    tmp_path: Path,
) -> None:
    row = f"alice;[authentication username=alice aka_K=0x{k} aka_OP=0x{OP} aka_AMF=0x8000]"
    address = str(sip_peer_thread.address)
    with open_calling(tmp_path / "s", "register", address, [row], "-d", "0", runner=runner) as sipp:
        if outcome is None:
            # It does not believe that this is its network: the MAC of AUTN is of another key.
            request = sip_peer_thread.expect("REGISTER")
            request.challenge("ims.example", SECRET)
            calls = sipp.wait()

            assert 0 != calls.status
        else:
            outcomes = sip_peer_thread.run(challenge_and_verify)
            calls = sipp.wait()

            assert [outcome] == outcomes
            assert Calls.all_well(1) == calls
