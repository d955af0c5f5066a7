"""SIPp's built-in scenarios: run by us against SIPp itself, and by us against us.

They belong to SIPp, so the installed program is asked for them each time.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import trio

from trio_sip.testing import Scenario, ScenarioPlan, load_sipp_scenario, run_sipp_scenario
from trio_sip.transport import Address

from .peers import find_peer, free_port
from .sipp import Calls, open_answering, open_sipp

pytestmark = pytest.mark.interop

CALLS = 3


def built_in(name: str) -> Scenario:
    done = subprocess.run([find_peer("sipp"), "-sd", name], capture_output=True, check=False)
    return load_sipp_scenario(done.stdout)


@pytest.mark.parametrize(
    ("name", "unsupported"),
    [
        ("uac", 0), ("uas", 0), ("regexp", 0), ("branchc", 0), ("branchs", 0), ("uac_pcap", 2),
        ("3pcc-C-A", 0), ("3pcc-C-B", 0), ("3pcc-A", 0), ("3pcc-B", 0),
    ],
)  # fmt: skip
def test_every_built_in_scenario_can_be_read(name: str, unsupported: int) -> None:
    assert unsupported == len(built_in(name).unsupported)


@pytest.mark.parametrize(
    ("ours", "theirs"), [("uac", "uas"), ("regexp", "uas"), ("branchc", "branchs")]
)
async def test_our_client_and_sipp_agree(ours: str, theirs: str, tmp_path: Path) -> None:
    port = free_port()
    arguments = ("-p", port, "-bind_local", "-m", str(CALLS))
    with open_sipp(tmp_path / "sipp", theirs, *arguments) as sipp:
        sipp.wait_until_open()
        with trio.fail_after(30):
            result = await run_sipp_scenario(
                built_in(ours),
                Address("127.0.0.1", int(port)),
                calls=CALLS,
                plan=ScenarioPlan(rate=50),
            )
            calls = await trio.to_thread.run_sync(sipp.wait)

    assert (0, CALLS, []) == (result.exit_status, result.successful, result.failures)
    assert (0, CALLS, 0) == (calls.status, calls.succeeded, calls.failed)


@pytest.mark.parametrize(("ours", "theirs"), [("uas", "uac")])
async def test_our_server_and_sipp_agree(ours: str, theirs: str, tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        send, receive = trio.open_memory_channel[int](1)

        async def serve(*, task_status: trio.TaskStatus[Address]) -> None:
            result = await run_sipp_scenario(built_in(ours), calls=CALLS, task_status=task_status)
            assert [] == result.failures
            await send.send(result.successful)

        with trio.fail_after(30):
            address: Address = await nursery.start(serve)
            arguments = (str(address), "-p", free_port(), "-m", str(CALLS), "-r", "50")
            with open_sipp(tmp_path / "sipp", theirs, *arguments) as sipp:
                calls: Calls = await trio.to_thread.run_sync(sipp.wait)
            successful = await receive.receive()

    assert (0, CALLS, 0) == (calls.status, calls.succeeded, calls.failed)
    assert CALLS == successful


async def test_our_client_and_sipp_agree_over_tcp(tmp_path: Path) -> None:
    with open_answering(tmp_path / "sipp", "uas", transport="tcp", calls=CALLS) as (sipp, address):
        host, _, port = address.rpartition(":")
        with trio.fail_after(30):
            result = await run_sipp_scenario(
                built_in("uac"),
                Address(host, int(port)),
                transport="tcp",
                calls=CALLS,
                plan=ScenarioPlan(rate=50),
            )
            calls = await trio.to_thread.run_sync(sipp.wait)

    assert (0, CALLS, []) == (result.exit_status, result.successful, result.failures)
    # The connection ends with the last call, while SIPp still waits for copies of its BYE; it
    # takes that for a failure of the call, also when another SIPp has called.
    assert calls.succeeded >= CALLS - 1
