"""The fixtures in tests that Hypothesis runs again and again: each example begins afresh."""

from __future__ import annotations

import pytest

from .test_plugin import Run, run

__all__ = ["run"]

GIVEN = """
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

several = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=4, database=None,
    phases=[Phase.generate, Phase.shrink],
)
"""


@pytest.mark.parametrize("plugin", [(), ("-p", "no:trio")])
def test_each_example_begins_with_what_the_fixtures_have_made(
    run: Run, plugin: tuple[str, ...]
) -> None:
    result = run(
        GIVEN
        + """
from trio_sip.testing import first

@pytest.fixture
def phone(sip_tls, make_sip_peer, sip_network):
    phone = make_sip_peer("phone", transports=["UDP", "TCP", "TLS"])
    phone.answer_automatically("OPTIONS")
    sip_network.alias("example.com", "phone")
    sip_network.nat("inside")
    sip_network.drop(first(method="MESSAGE"))
    return phone

seen = []

@several
@given(x=st.integers(0, 3))
@pytest.mark.sip(loss=0.2, jitter=0.1)
async def test_calls(phone, sip_peer, make_sip_peer, sip_network, sip_stack, x):
    assert ([], 0, ["phone", "inside", "peer", "stack"]) == (
        sip_network.wires, trio.current_time(), list(sip_network._hosts)
    )
    assert (0.0, ["OPTIONS"], []) == (phone.loss, list(phone.automatic), phone.wires)
    for uri in (
        "sip:example.com", "sip:example.com;transport=tcp", "sip:phone:5061;transport=tls"
    ):
        await (await sip_peer.request("OPTIONS", uri)).expect(200)
    await (await sip_peer.request("OPTIONS", "sip:stack")).expect(405)
    inside = make_sip_peer("inside")
    await inside.request("MESSAGE", sip_peer.uri)
    await sip_peer.expect("MESSAGE")
    phone.loss = 0.9
    phone.answer_automatically("INFO")
    sip_network.link("peer", "phone", latency=1)
    sip_network.alias("example.com", "stack")
    sip_network.nat("other")
    seen.append([(w.time, w.source, w.data, w.fate) for w in sip_network.wires])
    assert seen[0] == seen[-1]

def test_there_were_several():
    assert len(seen) >= 4
""",
        *plugin,
    )

    result.assert_outcomes(passed=2)


def test_a_failing_example_is_shown_with_its_conversation(run: Run) -> None:
    result = run(
        GIVEN
        + """
@several
@given(method=st.sampled_from(["OPTIONS", "MESSAGE"]))
async def test_left(make_sip_peer, nursery, method):
    nursery.start_soon(trio.sleep_forever)
    alice, bob = make_sip_peer("alice"), make_sip_peer("bob")
    bob.answer_automatically("OPTIONS")
    await alice.request(method, bob.uri)
    await trio.sleep(1)
    if method == "OPTIONS":
        await alice.expect(200)
"""
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E   trio_sip.testing.UnexpectedMessage: nobody expected what bob got: MESSAGE at 0.020 s",
            "E       method='MESSAGE',",
            "   0.000 !|---------MESSAGE-------->|  again at 0.500; not expected",
        ]
    )


def test_a_program_may_be_called_in_every_legal_way(run: Run) -> None:
    result = run(
        GIVEN
        + """
from trio_sip.ua import open_user_agent
from trio_sip.testing.strategies import legal_call_flows

@pytest.fixture
async def phone(sip_network):
    host = sip_network.host("bob")
    uri = f"sip:bob@{host.addresses[0]}"
    async with (
        open_user_agent(uri, listen=[f"udp://{host.addresses[0]}:5060"], network=host) as bob,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(bob.serve_calls, answer_and_wait)
        yield uri
        nursery.cancel_scope.cancel()

async def answer_and_wait(call):
    from trio_sip.sdp import SessionDescription

    ours = SessionDescription.audio(4000, "192.0.2.1", session_id=1)
    await call.answer(ours if call.offer is None else call.offer.answer(5000))
    await trio.sleep_forever()

@several
@given(flow=legal_call_flows())
async def test_flow(phone, flow, make_sip_peer):
    await flow.perform(make_sip_peer("alice", profile=flow.profile), phone)
"""
    )

    result.assert_outcomes(passed=1)
