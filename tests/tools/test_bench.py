"""The benchmark measures what it says it measures."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from tools.bench._calls import Calls
from tools.bench._figure import Floor, measured, unavailable
from tools.bench._loader import Loader, open_socket
from tools.bench._plan import LoadReport, Plan
from tools.bench._scenarios import Options, Register, Scenario
from tools.bench._table import to_rows
from tools.bench._timing import split_and_partition, time_operation
from tools.bench.canned import serve_canned
from tools.bench.messages import KINDS
from tools.bench.parse import read_six_fields
from tools.bench.serve import Run, Slice
from trio_sip.auth import Algorithm, Credentials, PlainSecret, compute_response
from trio_sip.message import Request, check_request, check_response, parse_message_untrusted

Address = tuple[str, int]


class Responder:
    """A server in a thread; what *serve* returned is there once it has been stopped."""

    def __init__(self, serve: Callable[[socket.socket], list[bytes]]) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self.address: Address = self._sock.getsockname()
        self.seen: list[bytes] = []
        self._thread = threading.Thread(target=lambda: self.seen.extend(serve(self._sock)))
        self._thread.start()

    def stop(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", self.address)
        self._thread.join(5)
        self._sock.close()


@pytest.fixture
def canned() -> Iterator[Responder]:
    responder = Responder(serve_canned)
    yield responder
    responder.stop()


def run(address: Address, create: Callable[[Address, Address], Scenario]) -> LoadReport:
    with open_socket(address) as sock:
        scenario = create(sock.getsockname(), address)
        return Loader(sock, scenario, Plan(window=4, warm=0, total=100, every=0.05)).run()


def test_every_options_is_answered(canned: Responder) -> None:
    report = run(canned.address, Options)

    assert (100, 0, 0, 0) == (
        report.done,
        report.failures,
        report.retransmissions,
        report.unexpected,
    )
    assert 0 < report.p50 <= report.p99 <= report.longest < report.seconds


def test_every_register_cycle_ends_with_credentials_that_are_right(canned: Responder) -> None:
    report = run(canned.address, lambda local, remote: Register(local, remote, users=7))
    canned.stop()

    assert (100, 0, 0) == (report.done, report.failures, report.unexpected)
    assert len(canned.seen) >= 100
    requests = [parse_message_untrusted(data) for data in canned.seen]
    assert 7 == len({request.to.uri.user for request in requests})
    for request in requests:
        given = Credentials.parse(request["Authorization"])
        secret = PlainSecret(given.username, f"pass-{given.username}")
        expected = compute_response(
            secret.ha1("bench", Algorithm.MD5),
            Algorithm.MD5,
            method="REGISTER",
            uri=given.uri,
            nonce=given.nonce,
            qop=given.qop,
            nc=given.nc or "",
            cnonce=given.cnonce or "",
            body=b"",
        )
        assert expected == given.response


def test_every_call_is_acknowledged_and_ended(canned: Responder) -> None:
    report = run(canned.address, Calls)

    assert (100, 0, 0, 0) == (
        report.done,
        report.failures,
        report.retransmissions,
        report.unexpected,
    )


def test_a_call_that_is_held_is_acknowledged_and_not_ended() -> None:
    def serve(sock: socket.socket) -> list[bytes]:
        return _answer_all(sock, b"SIP/2.0 200 OK\r\nContact: <sip:bob@192.0.2.4;ob>\r\n")

    responder = Responder(serve)
    with open_socket(responder.address) as sock:
        scenario = Calls(sock.getsockname(), responder.address, keep=True)
        report = Loader(sock, scenario, Plan(window=1, warm=0, total=2)).run()
    responder.stop()

    seen = [parse_message_untrusted(data) for data in responder.seen]
    assert 2 == report.done
    assert all(isinstance(one, Request) and check_request(one) is None for one in seen)
    methods = [one.method for one in seen if isinstance(one, Request)]
    assert ["INVITE", "ACK", "INVITE", "ACK"] == methods[:4]
    assert "sip:bob@192.0.2.4;ob" == str(cast("Request", seen[1]).uri)
    assert seen[0].call_id == seen[1].call_id != seen[2].call_id
    assert seen[0].via.branch != seen[1].via.branch


def test_a_call_that_is_refused_is_acknowledged_in_its_transaction() -> None:
    def serve(sock: socket.socket) -> list[bytes]:
        return _answer_all(sock, b"SIP/2.0 486 Busy Here\r\n")

    responder = Responder(serve)
    with open_socket(responder.address) as sock:
        scenario = Calls(sock.getsockname(), responder.address)
        report = Loader(sock, scenario, Plan(window=1, warm=0, seconds=0.05)).run()
    responder.stop()

    invite, ack = (parse_message_untrusted(data) for data in responder.seen[:2])
    assert 0 == report.done
    assert {"486": report.failures} == report.refusals
    assert ("INVITE", "ACK") == (cast("Request", invite).method, cast("Request", ack).method)
    assert invite.via.branch == ack.via.branch


@pytest.mark.parametrize("scenario", [Options, Calls, lambda a, b: Register(a, b, 3)])
def test_all_requests_of_the_loader_differ_and_are_right(
    scenario: Callable[[Address, Address], Scenario],
) -> None:
    load = scenario(("127.0.0.1", 40000), ("127.0.0.1", 5060))

    requests = [parse_message_untrusted(load.start().message) for _ in range(50)]

    assert all(isinstance(one, Request) and check_request(one) is None for one in requests)
    assert 50 == len({one.via.branch for one in requests})
    assert 50 == len({one.call_id for one in requests})
    assert 50 == len({one.from_.tag for one in requests})


def test_a_refusal_is_counted_as_a_failure_by_its_status() -> None:
    def serve(sock: socket.socket) -> list[bytes]:
        return _answer_all(sock, b"SIP/2.0 404 Not Found\r\n")

    responder = Responder(serve)
    with open_socket(responder.address) as sock:
        scenario = Options(sock.getsockname(), responder.address)
        report = Loader(sock, scenario, Plan(window=2, warm=0, seconds=0.1)).run()
    responder.stop()

    assert 0 == report.done
    assert {"404": report.failures} == report.refusals
    assert report.failures > 0


def test_a_lost_request_is_sent_again_after_a_while() -> None:
    def serve(sock: socket.socket) -> list[bytes]:
        lost, _ = sock.recvfrom(4096)
        again, sender = sock.recvfrom(4096)
        sock.sendto(again.replace(b"OPTIONS", b"SIP/2.0 200 OK\r\n", 1), sender)
        sock.recvfrom(4096)
        return [lost, again]

    responder = Responder(serve)
    with open_socket(responder.address) as sock:
        scenario = Options(sock.getsockname(), responder.address)
        report = Loader(sock, scenario, Plan(window=1, warm=0, total=1, resend_after=0.05)).run()
    responder.stop()

    assert (1, 1) == (report.done, report.retransmissions)
    assert responder.seen[0] == responder.seen[1]
    assert 0.05 <= report.longest_gap <= report.longest


def _answer_all(sock: socket.socket, start: bytes) -> list[bytes]:
    seen: list[bytes] = []
    while True:
        data, sender = sock.recvfrom(4096)
        if not data:
            return seen
        seen.append(data)
        if not data.startswith(b"ACK "):
            sock.sendto(start + data, sender)


@pytest.mark.parametrize("kind", KINDS)
def test_all_messages_of_a_batch_differ_and_are_right(kind: str) -> None:
    parsed = [parse_message_untrusted(data) for data in KINDS[kind](200)]

    for one in parsed:
        fault = check_request(one) if isinstance(one, Request) else check_response(one)
        assert fault is None
    assert 200 == len({one.via.branch for one in parsed})
    assert 200 == len({one.call_id for one in parsed})
    assert 200 == len({one.from_.tag for one in parsed})


def test_an_invite_of_the_benchmark_has_the_size_and_the_shape_that_are_announced() -> None:
    data = KINDS["INVITE"](1)[0]
    message = parse_message_untrusted(data)

    assert 900 <= len(data) <= 1000
    assert 14 == len(list(message.headers))
    assert 2 == len(message.vias)
    assert 1 == len(message.headers.get_all("Record-Route"))


def test_the_six_fields_are_those_of_the_message() -> None:
    data = KINDS["200"](2)[1]
    from_tag, to_tag, call_id, number, branch, host = read_six_fields(data)

    text = data.decode()
    assert 2 == number
    assert "192.0.2.4" == host
    assert f"alice@atlanta.example.com>;tag={from_tag}\r\n" in text
    assert f"bob@biloxi.example.com>;tag={to_tag}\r\n" in text
    assert f"Call-ID: {call_id}\r\n" in text
    assert text.index(f"branch={branch};") < text.index("Via: SIP/2.0/UDP client")


def test_each_round_takes_every_item_once() -> None:
    taken: list[int] = []
    rounds = iter(range(100))

    timing = time_operation(taken.append, lambda: [next(rounds)] * 2, 0)

    assert [0, 0, 1, 1, 2, 2] == taken
    assert timing.microseconds > 0


def test_the_floor_of_parsing_cuts_lines_at_their_first_colon() -> None:
    fields = split_and_partition(b"OPTIONS a SIP/2.0\r\nTo: <sip:a>\r\nl:0\r\n\r\nbody: x")

    assert [(b"To", b" <sip:a>"), (b"l", b"0")] == fields


def test_a_figure_is_given_as_a_ratio_and_on_the_scale() -> None:
    figure = measured("parse", "INVITE", 30.0, Floor(3.0, 2.3), "note")

    assert (10.0, 23.0) == (figure.to_floor, figure.on_the_scale)
    assert [("parse", "INVITE", "30.0 µs", "10.0", "23.0 µs", "note")] == to_rows([figure])


def test_what_could_not_be_measured_says_why() -> None:
    rows = to_rows([unavailable("options", "OPTIONS", "did not start")])

    assert [("options", "OPTIONS", "—", "", "", "did not start")] == rows


def test_the_cost_of_a_run_is_that_of_all_its_slices() -> None:
    run = Run([Slice(1.0, 1000, 0.02), Slice(1.0, 3000, 0.1)], {})

    assert 30.0 == pytest.approx(run.whole.microseconds)


def test_the_most_that_was_done_within_a_time_is_found_wherever_it_is() -> None:
    run = Run([Slice(1.0, done, 0.0) for done in (10, 50, 40, 20, 60)], {})

    assert 120 == run.most_within(3.0)
    assert 90 == run.most_within(2.5)
    assert 180 == run.most_within(100.0)
    assert 0 == run.most_within(0.5)
