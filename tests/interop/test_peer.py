"""The scripted peer before programs that are not ours: C, and plain sockets."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from trio_sip.testing import PeerRequest, PeerThread, ThreadMessage

from .peers import find_peer, free_port

pytestmark = pytest.mark.interop

_OPTIONS = ["-i", "127.0.0.1", "-nostdin", "-m", "1", "-timeout", "20", "-timeout_error"]


def sipp(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    """A SIPp that plays one call of one of its built-in scenarios."""
    command = [find_peer("sipp"), *options, *_OPTIONS]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_sipp_calls_the_peer(sip_peer_thread: PeerThread, tmp_path: Path, transport: str) -> None:
    target = str(sip_peer_thread.address)
    process = sipp(tmp_path, "-sn", "uac", "-t", transport, "-p", free_port(), target)
    call = sip_peer_thread.answer(from__user="sipp")
    call.expect_bye()

    assert 0 == process.wait(20)


def test_the_peer_calls_sipp(sip_peer_thread: PeerThread, tmp_path: Path) -> None:
    port = free_port()
    process = sipp(tmp_path, "-sn", "uas", "-p", port)
    call = sip_peer_thread.invite(f"sip:service@127.0.0.1:{port}")
    call.bye()

    assert 0 == process.wait(20)


def test_sipp_repeats_its_invite_as_timer_a_says(
    sip_peer_thread: PeerThread, tmp_path: Path
) -> None:
    process = sipp(tmp_path, "-sn", "uac", "-p", free_port(), str(sip_peer_thread.address))
    invite = sip_peer_thread.expect("INVITE")
    sip_peer_thread.run(_expect_timer_a, invite)
    invite.respond(486)
    sip_peer_thread.expect("ACK")

    assert 1 == process.wait(20)


async def _expect_timer_a(peer: object, invite: ThreadMessage[PeerRequest]) -> None:
    await invite.received.expect_retransmissions(0.5, 1.5, tolerance=0.3)


def test_sipsak_asks_the_peer(sip_peer_thread: PeerThread) -> None:
    sip_peer_thread.answer_automatically("OPTIONS")
    command = [find_peer("sipsak"), "-s", str(sip_peer_thread.uri)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=20)

    assert 0 == done.returncode
