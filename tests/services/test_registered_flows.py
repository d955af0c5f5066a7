"""Connections that bindings go with."""

from __future__ import annotations

from trio_sip.registration import Binding
from trio_sip.services._registered_flows import RegisteredFlows
from trio_sip.transport import Address, Flow


def flow(number: int) -> Flow:
    return Flow("TCP", Address("192.0.2.1", 5060), Address("192.0.2.2", 5060), number)


def binding(on: Flow | None, expires_at: float = 60.0, contact: str = "sip:a@h") -> Binding:
    return Binding(
        aor="sip:a@h", contact=contact, expires_at=expires_at, call_id="c", cseq=1, flow=on
    )


class Connections:
    """How often each connection is held."""

    def __init__(self) -> None:
        self.held: list[Flow] = []

    def hold_flow(self, flow: Flow) -> None:
        self.held.append(flow)

    def release_flow(self, flow: Flow) -> None:
        self.held.remove(flow)


def make() -> tuple[RegisteredFlows, Connections]:
    flows, connections = RegisteredFlows(), Connections()
    flows.stack = connections
    return flows, connections


def test_a_connection_is_held_once_for_all_that_is_registered_over_it() -> None:
    flows, connections = make()

    for aor in ("sip:a@h", "sip:b@h"):
        flows.update(aor, (), (binding(flow(1)), binding(flow(1), contact="sip:b@h")))

    assert [flow(1)] == connections.held == list(flows)


def test_it_is_released_with_the_last_of_them() -> None:
    flows, connections = make()
    for aor in ("sip:a@h", "sip:b@h"):
        flows.update(aor, (), (binding(flow(1)), binding(None)))

    flows.update("sip:a@h", (binding(flow(1)),), ())
    held = list(connections.held)
    flows.update("sip:b@h", (binding(flow(1)),), (binding(flow(2)),))

    assert [flow(1)] == held
    assert [flow(2)] == connections.held


def test_the_latest_expiry_counts() -> None:
    flows, connections = make()
    flows.update("sip:a@h", (), (binding(flow(1), 90.0), binding(flow(1), 60.0)))

    flows.let_go_expired(flow(1), 89.0)
    held = list(connections.held)
    flows.let_go_expired(flow(1), 90.0)

    assert [flow(1)] == held
    assert [] == connections.held


def test_a_connection_that_ended_is_lost_once() -> None:
    flows, connections = make()
    flows.update("sip:a@h", (), (binding(flow(1)),))

    for _ in range(2):
        flows.end(flow(1))
    flows.end(flow(2))
    lost = list(flows.lost)
    for _ in range(2):
        flows.forget(flow(1))
    flows.update("sip:a@h", (binding(flow(1)),), ())

    assert [flow(1)] == lost
    assert [] == connections.held


def test_what_is_stored_after_the_end_is_lost_at_once() -> None:
    flows, _ = make()
    flows.end(flow(1))

    flows.update("sip:a@h", (), (binding(flow(1)),))

    assert [flow(1)] == list(flows.lost)


def test_the_memory_of_endings_is_bounded() -> None:
    flows, _ = make()
    for number in range(5000):
        flows.end(flow(number))

    flows.update("sip:a@h", (), (binding(flow(0)), binding(flow(4999))))

    assert [flow(4999)] == list(flows.lost)
